"""One identity on two nodes that share a database: the line with more proof stays, of equal ones the newer."""

import asyncio
from datetime import timedelta

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.errors import LineOutranked
from csms_bridge.service import Bridge
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tally import OUTRANKED_WORDS, REPLACED_WORDS
from tests.csms_bridge.room import TLS_LINE
from tests.csms_bridge.talking import open_fleet, serve, until

BASIC, TLS, MUTUAL = (Admitted(profile, "ocpp2.0.1", None) for profile in list(SecurityProfile)[1:])
RECOVERY = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp2.0.1", "5eed", lane=Lane.RECOVERY)


@pytest.fixture
def there(room):
    """The other node."""
    return Sightings(room.store, room.trail, room.passwords, room.clock, "other-node")


def take_in(sightings, admitted):
    return sightings.connected("CS-1", admitted, OcppVersion.V201, None, TLS_LINE)


@pytest.mark.parametrize("less", [BASIC, TLS, RECOVERY])
def test_less_proof_does_not_displace_a_line_at_another_node(room, there, less):
    room.add()
    since = take_in(room.sightings, MUTUAL)
    room.open_lane(Lane.RECOVERY)
    with pytest.raises(LineOutranked):
        take_in(there, less)
    station = room.registry.station("CS-1")
    assert (station.lane, station.profile, station.connected_at) == (None, SecurityProfile.MUTUAL_TLS, since)
    assert room.sightings.taken_elsewhere({"CS-1"}, since) == set()


@pytest.mark.parametrize(("first", "second"), [(TLS, TLS), (TLS, MUTUAL), (RECOVERY, TLS), (RECOVERY, RECOVERY)])
def test_as_much_proof_takes_over_and_the_older_node_hears_of_it(room, there, first, second):
    room.add()
    room.open_lane(Lane.RECOVERY)
    take_in(room.sightings, first)
    room.clock.advance(seconds=1)
    since = room.clock.now
    take_in(there, second)
    assert room.sightings.taken_elsewhere({"CS-1", "CS-2"}, since) == {"CS-1"}
    assert there.taken_elsewhere({"CS-1"}, since) == set()
    assert room.sightings.taken_elsewhere({"CS-2"}, since) == set()


def test_a_line_of_the_same_node_is_the_processs_own_business(room):
    room.add()
    take_in(room.sightings, MUTUAL)
    take_in(room.sightings, TLS)
    assert room.registry.station("CS-1").profile is SecurityProfile.TLS_BASIC


def test_a_line_that_is_gone_or_silent_for_two_heartbeats_bars_nobody(room, there):
    """A node that was killed takes its lines off the record at its next start, which may never come."""
    room.add()
    take_in(room.sightings, MUTUAL)
    room.clock.advance(minutes=9)
    room.sightings.heard({"CS-1": room.clock.now})
    room.clock.advance(minutes=9)
    with pytest.raises(LineOutranked):
        take_in(there, TLS)
    room.clock.advance(minutes=2)
    since = take_in(there, TLS)
    there.disconnected("CS-1", since)
    take_in(room.sightings, BASIC)


def test_the_end_of_a_line_at_the_older_node_ends_nothing_at_the_newer(room, there):
    """Not even when both came in the same moment."""
    room.add()
    since = take_in(room.sightings, TLS)
    take_in(there, TLS)
    assert not room.sightings.disconnected("CS-1", since)
    assert room.registry.station("CS-1").online


async def test_two_services_on_one_database_agree_on_one_line(signing_room, tmp_path):
    signing_room.add(serial="SN-1", profile=SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    here, there = (
        Bridge(open_fleet(signing_room, tmp_path / node, node, walk_settle=timedelta(0)), signing_room.authority)
        for node in ("this-node", "other-node")
    )
    first, serving_first = serve(here, "CS-1", "SN-1", TLS)
    await until(lambda: "CS-1" in here._sessions)
    weak, serving_weak = serve(there, "CS-1", "SN-1", RECOVERY)
    await serving_weak
    assert (weak.closed, first.closed) == (OUTRANKED_WORDS, None)
    second, serving_second = serve(there, "CS-1", "SN-1", TLS)
    await until(lambda: "CS-1" in there._sessions)
    await here._look_elsewhere()
    await serving_first
    assert (first.closed, second.closed) == (REPLACED_WORDS, None)
    assert signing_room.registry.station("CS-1").online
    second.hang_up()
    await asyncio.gather(serving_second)
    assert not signing_room.registry.station("CS-1").online
