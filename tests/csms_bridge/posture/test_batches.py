import json

import pytest

from csms_bridge import commands as c
from csms_bridge.dialects import DIALECTS
from csms_bridge.posture.batches import ENVELOPE, Room, batches
from csms_bridge.posture.subjects import VARIABLES, slot_variables
from csms_bridge.station import OcppVersion
from csms_bridge.variables import Variable

NAMES = [Variable("C", f"V{number}") for number in range(7)]


def ten(_: Variable) -> int:
    return 10


def test_cuts_by_entries():
    assert [len(batch) for batch in batches(NAMES, Room(3, 10_000), ten)] == [3, 3, 1]


def test_cuts_by_octets():
    assert [len(batch) for batch in batches(NAMES, Room(100, ENVELOPE + 22), ten)] == [2, 2, 2, 1]


def test_keeps_the_order_and_loses_nothing():
    cut = batches(NAMES, Room(2, 10_000), ten)
    assert [variable for batch in cut for variable in batch] == NAMES


def test_one_that_is_too_long_goes_alone():
    assert [len(batch) for batch in batches(NAMES[:3], Room(100, 50), ten)] == [1, 1, 1]


def test_nothing_makes_no_question():
    assert batches([], Room(), ten) == []


@pytest.mark.parametrize(
    ("items", "octets", "room"),
    [
        ("5", "900", Room(5, 900)),
        ("500", "99999", Room()),
        ("0", "-1", Room(1, 2000)),
        ("many", None, Room()),
        ("9" * 40, "٣", Room()),
    ],
)
def test_a_station_may_ask_for_less_and_not_for_more(items, octets, room):
    assert Room().told(items, octets) == room


def test_every_question_we_ask_stays_below_what_everest_takes():
    """EVerest refuses GetVariables over 2,048 octets (reference, station-everest)."""
    dialect = DIALECTS[OcppVersion.V21]

    def payload(batch):
        return json.dumps(dialect.request(c.ReadSettings(batch)).payload, separators=(",", ":")).encode()

    wanted = (*VARIABLES, *slot_variables("1,2,3"))
    cut = batches(wanted, Room(), lambda one: len(payload((one,))))
    assert sum(len(batch) for batch in cut) == len(wanted)
    assert max(len(payload(batch)) for batch in cut) + 60 < 2048
