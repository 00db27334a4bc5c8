"""Migrations in the database: the station stays what it was, and what came of it is on record."""

from datetime import timedelta
from typing import Any

import pytest

from csms_bridge import events as e
from csms_bridge.admission import Admitted, Peer, decide
from csms_bridge.errors import MigrationRefused, UnknownMigration, UnknownStation
from csms_bridge.migration.door import Migrations
from csms_bridge.migration.preparing import Preparing, is_being_prepared
from csms_bridge.migration.rules import Criteria, RollBack, Tally
from csms_bridge.migration.states import MigrationState
from csms_bridge.orders import Ending
from csms_bridge.password_rotations import PasswordRotations, RotationState
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind, Alarms
from tests.csms_bridge.room import Room

pytestmark = pytest.mark.both_databases

V16, V201, V21 = OcppVersion
TLS = SecurityProfile.TLS_BASIC
HOUR = timedelta(hours=1)
BY = "user:anna"
NO_PASSWORD = Criteria(new_password=False)


class MigrationRoom:
    """A room with the door to migrations."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.alarms = Alarms(room.store, room.trail, room.clock)
        self.rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
        quirks = StationQuirks(room.store, room.trail, room.clock)
        preparing = Preparing(room.trail, room.orders, quirks, lambda: "wss://csms.example:8887/ocpp")
        self.door = Migrations(room.store, room.trail, self.alarms, self.rotations, preparing, room.orders, room.clock)

    def station(
        self, name: str = "CS-1", profile: SecurityProfile = TLS, vendor: str = "Volt", version: OcppVersion = V16
    ) -> None:
        self.room.add(name, profile=profile)
        self.room.connect(name, profile, version=version)
        self.boots(name, "1.0", vendor=vendor)
        self.room.clock.advance(seconds=1)

    def boots(self, name: str, firmware: str, serial: str = "", vendor: str = "Volt") -> None:
        serials = (serial or f"SN-{name[3:]}",)
        self.room.sightings.booted(name, e.Booted(vendor, "AC22", firmware, serials, "PowerUp"))

    def comes_back(
        self, name: str = "CS-1", version: OcppVersion = V201, firmware: str = "2.0", serial: str = ""
    ) -> None:
        self.room.clock.advance(minutes=5)
        self.room.connect(name, TLS, version=version)
        self.boots(name, firmware, serial)
        self.door.round()

    def expect(
        self, *names: str, criteria: Criteria | None = None, campaign: str = "", to: OcppVersion = V201
    ) -> list[int]:
        made = self.door.expect(
            names or ("CS-1",), to, HOUR, BY, "a new firmware", campaign=campaign, criteria=criteria
        )
        self.room.clock.advance(seconds=1)
        return [one.id for one in made]

    def has_url_key(self, vendor: str) -> None:
        row = {"name": "volt-url", "vendor": vendor, "source": "a test", "quirks": {"url_key": "VoltUrl"}}
        StationQuirks(self.room.store, self.room.trail, self.room.clock).put([row], BY)

    def answers(self, name: str, answer: object) -> tuple[str, Any]:
        """The station answers to what waits for it (None: it refuses the message); what that was."""
        (order,) = self.room.orders.claim({name})
        if answer is None:
            self.room.orders.finish(order, None, "NotSupported", Ending.REFUSED)
        else:
            self.room.orders.finish(order, answer)
        self.door.round()
        return order.action, order.payload

    def unready(self, *names: str) -> list[str]:
        with self.room.store.reading() as session:
            return [name for name in names if is_being_prepared(session, name)]

    def row(self, name: str = "CS-1") -> StationRow:
        with self.room.store.reading() as session:
            return session.get_one(StationRow, name)


@pytest.fixture
def migrating(room: Room) -> MigrationRoom:
    return MigrationRoom(room)


def test_it_comes_back_as_the_station_that_it_was(migrating: MigrationRoom) -> None:
    """Identity, binding and history stay: nothing of the station is made anew."""
    migrating.station()
    before = migrating.room.acts()
    (migration,) = migrating.expect(criteria=NO_PASSWORD)
    migrating.comes_back()
    found = migrating.door.find(migration)
    assert (found.state, found.from_version, found.to_version, found.firmware) == (
        MigrationState.WELL,
        V16,
        V201,
        "1.0",
    )
    row = migrating.row()
    assert (row.serial, row.ocpp_version, row.floor, row.expected_version) == ("SN-1", "2.0.1", 2, None)
    acts = migrating.room.acts()
    assert acts[: len(before)] == before
    assert [act for act in acts if "version" in act or "migration" in act] == [
        "station:version-expected", "station:migration-ended",
    ]  # fmt: skip


def test_its_password_is_changed_to_the_new_form(migrating: MigrationRoom) -> None:
    """Once; the old one is good beside the new one until the station used it."""
    room = migrating.room
    migrating.station()
    (migration,) = migrating.expect()
    migrating.comes_back()
    migrating.door.round()
    assert migrating.door.find(migration).state is MigrationState.ARRIVED
    (order,) = room.orders.claim({"CS-1"})
    assert (order.action, order.errand) == ("SetVariables", "rotate-password")
    id_, _ = room.passwords.offer("CS-1")
    migrating.rotations.offered(order, id_)
    with room.store.reading() as session:
        assert len(room.passwords.known(session, "CS-1")) == 2
    migrating.rotations.seen("CS-1", id_)
    assert migrating.rotations.progress(["CS-1"])[0].state is RotationState.ROTATED
    migrating.door.round()
    assert migrating.door.find(migration).state is MigrationState.WELL


def test_the_expected_version_is_chosen_when_it_is_offered(migrating: MigrationRoom) -> None:
    """A firmware that speaks both would else go on with the one on record."""
    migrating.station()
    migrating.expect()
    peer = Peer(
        identity="CS-1", tls=True, offered=("ocpp1.6", "ocpp2.0.1"), basic_present=True, password_fits=True,
        certificate=None,
    )  # fmt: skip
    registered = migrating.room.sightings.registered("CS-1")
    assert registered is not None
    chosen = decide(peer, registered[0])
    assert isinstance(chosen, Admitted)
    assert chosen.subprotocol == "ocpp2.0.1"


def test_what_does_not_come_back_is_a_failure_that_stops_a_campaign(migrating: MigrationRoom) -> None:
    for name in ("CS-1", "CS-2"):
        migrating.station(name)
    first, second = migrating.expect("CS-1", "CS-2", campaign="firmware-7", criteria=NO_PASSWORD)
    migrating.comes_back("CS-1")
    assert migrating.door.why_stop("firmware-7", RollBack()) == ""
    migrating.room.clock.advance(hours=2)
    migrating.door.round()
    assert migrating.door.find(first).state is MigrationState.WELL
    failed = migrating.door.find(second)
    assert (failed.state, failed.reason) == (MigrationState.FAILED, "it did not come back with OCPP 2.0.1 in time")
    assert "1 of 2 stations did not come back well" in migrating.door.why_stop("firmware-7", RollBack())
    assert [alarm.thing for alarm in migrating.alarms.open_of(AlarmKind.MIGRATION_FAILED)] == ["CS-2"]
    assert migrating.row("CS-2").expected_version is None
    migrating.expect("CS-2")
    assert migrating.alarms.open_of(AlarmKind.MIGRATION_FAILED) == []


def test_another_board_is_no_migration(migrating: MigrationRoom) -> None:
    migrating.station()
    (migration,) = migrating.expect(criteria=NO_PASSWORD)
    migrating.comes_back(serial="SN-9")
    assert migrating.door.find(migration).reason == "it says another serial number: 'SN-9'"


def test_a_restart_of_ours_repeats_nothing(migrating: MigrationRoom) -> None:
    migrating.station()
    (migration,) = migrating.expect(criteria=NO_PASSWORD)
    migrating.comes_back()
    again = MigrationRoom(migrating.room)
    again.door.round()
    again.door.round()
    assert again.door.find(migration).state is MigrationState.WELL
    assert migrating.room.acts().count("station:migration-ended") == 1


def test_a_vendors_key_for_the_address_is_written_before_the_jump(migrating: MigrationRoom) -> None:
    """A row of the quirk book; the new firmware makes its first connection slot out of it."""
    migrating.has_url_key("Volt")
    migrating.station()
    migrating.station("CS-2", vendor="Other")
    first, second = migrating.expect("CS-1", "CS-2", campaign="firmware-7")
    assert migrating.door.tally("firmware-7") == Tally(preparing=1, expected=1)
    assert migrating.unready("CS-1", "CS-2") == ["CS-1"]
    assert "no connection slots" in migrating.door.find(second).prepared
    assert migrating.answers("CS-1", {"status": "RebootRequired"}) == (
        "ChangeConfiguration", {"key": "VoltUrl", "value": "wss://csms.example:8887/ocpp/CS-1"},
    )  # fmt: skip
    found = migrating.door.find(first)
    assert (found.state, found.prepared) == (
        MigrationState.EXPECTED, "VoltUrl is set to wss://csms.example:8887/ocpp/CS-1",
    )  # fmt: skip
    assert migrating.unready("CS-1", "CS-2") == []
    assert found.until == migrating.room.clock() + HOUR  # its time begins when it may get its firmware
    assert migrating.room.acts().count("station:prepared-for-version") == 1


def test_who_refuses_the_new_address_must_not_jump(migrating: MigrationRoom) -> None:
    """Its new firmware would dial nobody."""
    migrating.has_url_key("Volt")
    migrating.station()
    (migration,) = migrating.expect(campaign="firmware-7")
    migrating.answers("CS-1", {"status": "Rejected"})
    found = migrating.door.find(migration)
    assert (found.state, found.reason) == (MigrationState.FAILED, "it did not take VoltUrl: Rejected")
    assert migrating.door.why_stop("firmware-7", RollBack())
    assert migrating.row().expected_version is None


def test_what_was_not_there_to_be_prepared_fails_and_is_sent_nothing_any_more(migrating: MigrationRoom) -> None:
    migrating.has_url_key("Volt")
    migrating.station()
    migrating.room.sightings.disconnected("CS-1", migrating.room.clock())
    (migration,) = migrating.expect()
    migrating.room.clock.advance(hours=2)
    migrating.door.round()
    assert migrating.door.find(migration).reason == "it was not there to be prepared in time"
    migrating.room.orders.wake("CS-1")
    assert migrating.room.orders.claim({"CS-1"}) == []


def test_a_slot_to_fall_back_on_is_written_before_2_1(migrating: MigrationRoom) -> None:
    """2.0.1 B09.FR.06: the one in use is never written, and stays the first."""
    migrating.station(version=V201)
    (migration,) = migrating.expect(to=V21)
    action, _ = migrating.answers("CS-1", network("1", "1"))
    assert action == "GetVariables"
    action, payload = migrating.answers("CS-1", {"status": "Accepted"})
    connection = payload["connectionData"]
    assert (action, payload["configurationSlot"]) == ("SetNetworkProfile", 2)
    assert (connection["ocppCsmsUrl"], connection["securityProfile"]) == ("wss://csms.example:8887/ocpp", 2)
    again = MigrationRoom(migrating.room)  # a restart of ours in between
    action, payload = again.answers("CS-1", written())
    assert (action, payload["setVariableData"][0]["attributeValue"]) == ("SetVariables", "1,2")
    found = migrating.door.find(migration)
    assert (found.state, found.prepared) == (
        MigrationState.EXPECTED, "slot 2 is written, to fall back on: slots 1,2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"getVariableResult": []}, "it has no slot to fall back on: without its NetworkConfigurationPriority"),
        (None, "it has no slot to fall back on: NotSupported"),
    ],
)
def test_without_a_slot_to_fall_back_on_it_jumps_all_the_same(
    migrating: MigrationRoom, answer: dict[str, object] | None, words: str
) -> None:
    """It goes on with the slot in use, as it would without us."""
    migrating.station(version=V201)
    (migration,) = migrating.expect(to=V21)
    migrating.answers("CS-1", answer)
    found = migrating.door.find(migration)
    assert (found.state, found.prepared) == (MigrationState.EXPECTED, words)


def test_who_has_another_slot_keeps_it(migrating: MigrationRoom) -> None:
    """What it holds is told by no 2.0.1 station."""
    migrating.station(version=V201)
    (migration,) = migrating.expect(to=V21)
    migrating.answers("CS-1", network("2,1", "2"))
    assert migrating.door.find(migration).prepared == "it has a slot to fall back on: slots 2,1"
    assert migrating.room.orders.claim({"CS-1"}) == []


def network(priority: str, active: str) -> dict[str, object]:
    """The answer to GetVariables about slots."""
    told = {"NetworkConfigurationPriority": priority, "ActiveNetworkProfile": active}
    return {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted", "attributeValue": value, "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": name},
            }
            for name, value in told.items()
        ]
    }  # fmt: skip


def written() -> dict[str, object]:
    """The answer to SetVariables."""
    variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    return {"setVariableResult": [{"attributeStatus": "Accepted", **variable}]}


# --- what a campaign does with it


def test_a_campaign_begins_a_station_in_its_own_transaction(migrating: MigrationRoom) -> None:
    """Both are there, or neither: what raises leaves no migration behind."""
    migrating.has_url_key("Volt")
    for name in ("CS-1", "CS-2"):
        migrating.station(name)
    store, door = migrating.room.store, migrating.door
    with pytest.raises(UnknownStation), store.writing() as session:
        _ = [door.expect_in(session, name, V201, HOUR, BY) for name in ("CS-1", "CS-nobody")]
    assert door.search() == []
    with store.writing() as session:
        made = [door.expect_in(session, name, V201, HOUR, BY, campaign="firmware-7") for name in ("CS-1", "CS-2")]
    door.committed(["CS-1", "CS-2"])
    migrating.answers("CS-1", {"status": "Accepted"})
    with store.writing() as session:
        assert door.tally_in(session, "firmware-7") == Tally(preparing=1, expected=1)
        door.give_up_in(session, "CS-2", "another", "given up", BY)
        door.give_up_in(session, "CS-2", "firmware-7", "given up", BY)
        assert not door.cancel_in(session, made[1].id, "given up", BY)
        assert door.tally_in(session, "firmware-7") == Tally(expected=1, cancelled=1)
    assert migrating.room.orders.claim({"CS-2"}) == []


def test_a_share_of_failures_stops_a_campaign(migrating: MigrationRoom) -> None:
    """Criteria of a roll-back: so many in all, or so many per cent once some have ended."""
    names = [f"CS-{number}" for number in range(4)]
    for name in names:
        migrating.station(name)
    migrating.expect(*names, criteria=NO_PASSWORD, campaign="firmware-7")
    for name in names[:3]:
        migrating.comes_back(name)
    migrating.room.clock.advance(hours=2)
    migrating.door.round()
    assert migrating.door.tally("firmware-7") == Tally(well=3, failed=1)
    assert "more than 20 per cent" in migrating.door.why_stop("firmware-7", RollBack(None, 20, least=4))
    assert migrating.door.why_stop("firmware-7", RollBack(None, 25, least=4)) == ""
    assert migrating.door.why_stop("firmware-7", RollBack(None, 20, least=5)) == ""
    assert migrating.door.why_stop("another", RollBack()) == ""


def test_what_cannot_be_expected_is_refused_for_all(migrating: MigrationRoom) -> None:
    room = migrating.room
    migrating.station()
    room.add("CS-never")
    room.add("CS-zero", profile=SecurityProfile.NONE)
    room.connect("CS-zero", SecurityProfile.NONE)
    for name, why in {"CS-never": "never connected", "CS-zero": "profile 0 exists in OCPP 1.6 only"}.items():
        with pytest.raises(MigrationRefused, match=why):
            migrating.expect("CS-1", name)
    with pytest.raises(UnknownStation):
        migrating.expect("CS-1", "CS-nobody")
    with pytest.raises(MigrationRefused, match="longer than none"):
        migrating.door.expect(["CS-1"], V201, timedelta(), BY)
    assert migrating.door.search() == []
    migrating.expect()
    with pytest.raises(MigrationRefused, match="under way"):
        migrating.expect()
    migrating.comes_back()
    with pytest.raises(MigrationRefused, match=r"speaks OCPP 2\.0\.1 already"):
        migrating.door.expect(["CS-1"], V16, HOUR, BY)


def test_a_migration_is_cancelled_once(migrating: MigrationRoom) -> None:
    migrating.station()
    (migration,) = migrating.expect()
    assert migrating.door.cancel(migration, "not today", BY).state is MigrationState.CANCELLED
    assert migrating.row().expected_version is None
    with pytest.raises(MigrationRefused, match="is cancelled"):
        migrating.door.cancel(migration, "again", BY)
    with pytest.raises(UnknownMigration):
        migrating.door.find(99)
    assert [one.id for one in migrating.door.search(state=MigrationState.CANCELLED, station="CS-1")] == [migration]
