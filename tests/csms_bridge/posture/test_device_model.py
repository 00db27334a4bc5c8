from datetime import timedelta

import pytest

from csms_bridge.posture.device_model import DeviceModel, Source, Taken
from csms_bridge.variables import Attribute, Characteristics, Reading, Variable, configuration_key

SECRET = "0123456789abcdef0123456789abcdef"
PROFILE = Variable("SecurityCtrlr", "SecurityProfile")


@pytest.fixture
def model(room):
    room.add()
    return DeviceModel(room.store, room.clock, most_rows=10, most_octets=10_000)


def values(model, search=""):
    return {told.name: told.value for told in model.page("CS-1", search, None, 100)}


def test_keeps_what_was_told_last(model, room):
    model.take("CS-1", [Reading(PROFILE, "1")], Source.VALUES)
    room.clock.advance(minutes=5)
    model.take("CS-1", [Reading(PROFILE, "2")], Source.VALUES)
    (told,) = model.page("CS-1", "", None, 10)
    assert (told.value, told.read_at) == ("2", room.clock())


def test_an_answer_leaves_what_a_report_told_of_the_kind(model):
    """GetVariables says nothing of limits and of who may write."""
    kind = Characteristics("integer", "s", 0, 3, "")
    model.take("CS-1", [Reading(PROFILE, "1", writable=False, readable=True, characteristics=kind)], Source.REPORT)
    model.take("CS-1", [Reading(PROFILE, "2")], Source.VALUES)
    told = model.of("CS-1", [PROFILE])[PROFILE]
    assert (told.value, told.mutability, told.characteristics, told.source) == ("2", "ReadOnly", kind, Source.VALUES)


def test_tells_variables_of_different_places_apart(model):
    places = [
        Variable("EVSE", "Power", evse=1), Variable("EVSE", "Power", evse=2), Variable("EVSE", "Power", evse=1,
        connector=1), Variable("EVSE", "Power", "left"), Variable("EVSE", "Power", variable_instance="x"),
        Variable("EVSE", "Power"),
    ]  # fmt: skip
    told = [Reading(place, str(number)) for number, place in enumerate(places)]
    told.append(Reading(places[0], "16", Attribute.MAX_SET))
    model.take("CS-1", told, Source.REPORT)
    assert {v: one.value for v, one in model.of("CS-1", places).items()} == {
        place: str(number) for number, place in enumerate(places)
    }
    assert len(model.page("CS-1", "", None, 100)) == 7
    assert "EVSE[1/1].Power" in values(model)


@pytest.mark.parametrize(
    "variable",
    [
        configuration_key("AuthorizationKey"),
        configuration_key("authorizationkey"),
        configuration_key("WifiPassphrase"),
        Variable("SecurityCtrlr", "BasicAuthPassword"),
        Variable("NetworkConfiguration", "VpnKey", "1"),
        Variable("NetworkConfiguration", "SimPin", "1"),
    ],
)
def test_a_secret_is_dropped_before_it_is_stored(model, tmp_path, variable):
    """A station may reveal its AuthorizationKey (reference, station-quirks 18)."""
    taken = model.take("CS-1", [Reading(variable, SECRET, writable=True)], Source.KEYS)
    assert len(taken.revealed) == 1
    (told,) = model.page("CS-1", "", None, 10)
    assert (told.value, told.words) == (None, "a secret, not kept")
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert variable.name.encode() in written
    assert SECRET.encode() not in written


def test_a_secret_that_is_not_told_reveals_nothing(model):
    readings = [
        Reading(configuration_key("AuthorizationKey"), ""),
        Reading(Variable("SecurityCtrlr", "BasicAuthPassword"), None, words="Rejected"),
    ]
    assert model.take("CS-1", readings, Source.VALUES) == Taken()


def test_a_password_inside_an_address_is_dropped(model):
    model.take("CS-1", [Reading(configuration_key("LogServer"), f"ftp://me:{SECRET}@files.example/x")], Source.KEYS)
    assert values(model) == {"LogServer": "ftp://•••@files.example/x"}


def test_more_than_its_room_is_dropped_and_counted(model):
    told = [Reading(Variable("C", f"V{number}"), "x") for number in range(15)]
    assert model.take("CS-1", told, Source.REPORT).dropped == 5
    assert model.count("CS-1") == 10
    assert model.take("CS-1", [Reading(Variable("C", "V3"), "y")], Source.REPORT).dropped == 0
    assert values(model)["C.V3"] == "y"


def test_long_values_use_up_the_room_as_well(model):
    told = [Reading(Variable("C", f"V{number}"), "x" * 2500) for number in range(10)]
    assert model.take("CS-1", told, Source.REPORT).dropped == 7
    grown = model.take("CS-1", [Reading(Variable("C", "V0"), "y" * 9000)], Source.REPORT)
    assert grown.dropped == 0  # a value ends at what OCPP allows
    assert len(values(model)["C.V0"]) == 2500
    assert model.take("CS-1", [Reading(Variable("C", "V9"), "x" * 2500)], Source.REPORT).dropped == 1


@pytest.mark.parametrize(
    "variable",
    [
        Variable("C", ""),
        Variable("C", "V" * 51),
        Variable("C" * 51, "V"),
        Variable("C", "V", "i\0"),
        Variable("C", "V", evse=2**40),
        Variable("C", "V", evse=-3),
    ],
)
def test_names_that_ocpp_does_not_allow_are_dropped(model, variable):
    assert model.take("CS-1", [Reading(variable, "1")], Source.REPORT).dropped == 1
    assert model.count("CS-1") == 0


def test_a_value_that_no_database_takes_is_mended(model):
    model.take("CS-1", [Reading(Variable("C", "V"), "a\0b")], Source.REPORT)
    assert values(model) == {"C.V": "a\ufffdb"}


def test_a_station_that_is_gone_leaves_nothing(model, room):
    model.take("CS-1", [Reading(PROFILE, "1")], Source.VALUES)
    room.registry.remove("CS-1", "user:anna", "sold")
    model.take("CS-1", [Reading(PROFILE, "1")], Source.VALUES)
    assert model.count("CS-1") == 0


def test_a_whole_report_forgets_what_is_not_there_any_more(model, room):
    old, kept, asked = Variable("C", "Old"), Variable("C", "Kept"), Variable("C", "Asked")
    model.take("CS-1", [Reading(old, "1"), Reading(kept, "1")], Source.REPORT)
    model.take("CS-1", [Reading(asked, "1")], Source.VALUES)
    room.clock.advance(days=1)
    began = model.moment()
    model.take("CS-1", [Reading(kept, "2")], Source.REPORT)
    model.forget_older("CS-1", Source.REPORT, began)
    assert values(model) == {"C.Kept": "2", "C.Asked": "1"}
    assert room.clock() - began == timedelta()


def test_is_searched_and_paged(model):
    told = [Reading(Variable("Comp", f"Name{number}"), f"value{number}") for number in range(6)]
    model.take("CS-1", told, Source.REPORT)
    first = model.page("CS-1", "", None, 4)
    assert [one.name for one in first] == [f"Comp.Name{number}" for number in range(4)]
    assert [one.name for one in model.page("CS-1", "", first[-1].id, 4)] == ["Comp.Name4", "Comp.Name5"]
    assert values(model, "comp NAME3") == {"Comp.Name3": "value3"}
    assert values(model, "value5") == {"Comp.Name5": "value5"}
    assert values(model, "%") == {}
