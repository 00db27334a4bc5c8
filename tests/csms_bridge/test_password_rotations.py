"""Changing a password outside a walk (A01): in the safe order, whatever comes of it, and never in clear at rest."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.password_errand import PasswordErrand
from csms_bridge.password_rotations import PasswordRotations, RotationState
from csms_bridge.quiet import QuietMode
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Reading, Variable
from pki.secret_text import Secret

NONE, BASIC, TLS, MUTUAL = SecurityProfile
QUEUED, SENT, ACCEPTED, RESTART_NEEDED, UNANSWERED, ROTATED, FAILED, UNABLE = RotationState
SLOT_PASSWORD = Variable("NetworkConfiguration", "BasicAuthPassword", "2")


class Station:
    """A line whose station answers from a script; it remembers what it was asked."""

    station = "CS-1"

    def __init__(self, *answers: Answer | None, version: OcppVersion = OcppVersion.V16, charging: bool = False) -> None:
        self.version, self.charging = version, charging
        self._answers = list(answers)
        self.asked: list[c.Command] = []

    async def ask(self, command: c.Command) -> Answer | None:
        self.asked.append(command)
        return self._answers.pop(0)

    async def is_charging(self) -> bool:
        return self.charging


def answer(outcome: Outcome, words: str = "") -> Answer:
    return Answer(outcome, words)


ACCEPT, REJECT, REBOOT = (answer(one) for one in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REBOOT_REQUIRED))


@pytest.fixture
def rotations(room):
    return PasswordRotations(room.store, room.trail, room.orders, room.clock)


@pytest.fixture
def errand(room, rotations):
    return PasswordErrand(rotations, room.passwords, room.orders, QuietMode(room.store, room.trail, room.clock))


def on_line(room, profile=BASIC, version=OcppVersion.V16):
    """A station that has connected with its first password; that password."""
    added = room.add(profile=profile, version=version)
    room.connect(profile=profile, version=version)
    return added.password


def state(rotations):
    (rotation,) = rotations.progress(["CS-1"])
    return rotation.state


async def carry_out(room, errand, station):
    room.orders.wake("CS-1")
    for order in room.orders.claim({"CS-1"}):
        await errand.carry_out(order, station)


def id_of(room, password: Secret) -> str | None:
    """The id of a password that is good now, as admission finds it."""
    with room.store.reading() as session:
        return room.passwords.matching("CS-1", password, room.passwords.known(session, "CS-1"))


def everything(room) -> str:
    """Every value of every table."""
    with room.store.reading() as session:
        tables = session.connection().execute(text("SELECT name FROM sqlite_master WHERE type='table'")).scalars().all()
        return "\n".join(str(session.connection().execute(text(f"SELECT * FROM {name}")).all()) for name in tables)  # noqa: S608


async def test_what_the_station_accepted_is_the_only_one(room, rotations, errand):
    """A01.FR.03; and Accepted is no proof: only a connection is."""
    old = on_line(room)
    assert rotations.ask(["CS-1"], "user:anna")[0].state is SENT
    station = Station(ACCEPT)
    await carry_out(room, errand, station)
    (sent,) = station.asked
    new = id_of(room, sent.password)
    assert (id_of(room, old), state(rotations)) == (None, ACCEPTED)
    rotations.seen("CS-1", new)
    assert state(rotations) is ROTATED
    assert room.acts()[-2:] == ["station:password-changed", "command:answered"]


async def test_what_the_station_refused_is_forgotten_and_the_old_one_stays(room, rotations, errand):
    """A01.FR.04."""
    old = on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(answer(Outcome.REJECTED, "Rejected"))
    await carry_out(room, errand, station)
    assert id_of(room, old) is not None
    assert id_of(room, station.asked[0].password) is None
    (rotation,) = rotations.progress(["CS-1"])
    assert (rotation.state, rotation.reason) == (FAILED, "Rejected")


async def test_after_a_lost_answer_both_are_good_until_one_is_used(room, rotations, errand):
    old = on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(None)
    await carry_out(room, errand, station)
    new = station.asked[0].password
    assert None not in (id_of(room, old), id_of(room, new))
    assert state(rotations) is UNANSWERED
    used = id_of(room, new)
    room.connect(password=used)
    rotations.seen("CS-1", used)
    assert (id_of(room, old), state(rotations)) == (None, ROTATED)


async def test_one_that_comes_back_with_the_old_password_did_not_take_the_new(room, rotations, errand):
    old = on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    await carry_out(room, errand, Station(None))
    rotations.seen("CS-1", id_of(room, old))
    (rotation,) = rotations.progress(["CS-1"])
    assert rotation.state is FAILED
    assert "came back with the old password" in rotation.reason


@pytest.mark.parametrize("restart", [False, True])
async def test_a_station_that_needs_a_restart_gets_one_only_when_allowed(room, rotations, errand, restart):
    old = on_line(room)
    rotations.ask(["CS-1"], "user:anna", restart=restart)
    station = Station(REBOOT, ACCEPT)
    await carry_out(room, errand, station)
    assert [type(one) for one in station.asked] == [c.SetPassword, *([c.Restart] if restart else [])]
    assert None not in (id_of(room, old), id_of(room, station.asked[0].password))
    assert state(rotations) is RESTART_NEEDED
    rotations.seen("CS-1", id_of(room, station.asked[0].password))
    assert state(rotations) is ROTATED


async def test_the_restart_waits_for_the_end_of_the_charging_and_comes_once(room, rotations, errand):
    on_line(room)
    rotations.ask(["CS-1"], "user:anna", restart=True)
    station = Station(REBOOT, ACCEPT)

    async def charging_from_now_on(command, ask=station.ask):
        station.charging = True
        return await ask(command)

    station.ask = charging_from_now_on
    await carry_out(room, errand, station)
    assert rotations.restart_due() == ["CS-1"]
    await errand.restart(station)
    assert len(station.asked) == 1
    station.charging = False
    await errand.restart(station)
    await errand.restart(station)
    assert [type(one) for one in station.asked] == [c.SetPassword, c.Restart]
    assert rotations.restart_due() == []


async def test_a_station_that_charges_keeps_its_password_until_it_is_idle(room, rotations, errand):
    """It drops its line to change it."""
    on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(ACCEPT, charging=True)
    await carry_out(room, errand, station)
    assert (station.asked, state(rotations)) == ([], QUEUED)
    station.charging = False
    await carry_out(room, errand, station)
    assert state(rotations) is ACCEPTED


async def test_a_walk_that_began_meanwhile_goes_before(room, rotations, errand):
    on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    room.ledger.start("CS-1", 2, {}, "user:anna")
    station = Station(ACCEPT)
    await carry_out(room, errand, station)
    assert station.asked == []
    assert state(rotations) is FAILED


async def test_the_password_lies_nowhere(room, rotations, errand):
    """Before it is sent there is none; afterwards there is a hash (A01.FR.08)."""
    on_line(room)
    rotations.ask(["CS-1"], "user:anna")
    assert room.orders.order(1).payload == {}
    station = Station(REBOOT)
    await carry_out(room, errand, station)
    password = station.asked[0].password
    written = everything(room)
    assert password.text() not in written
    assert password.reveal.hex() not in written
    assert "hmac-sha256$" in written


async def test_2x_takes_the_password_of_the_whole_station(room, rotations, errand):
    on_line(room, version=OcppVersion.V201)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(ACCEPT, version=OcppVersion.V201)
    await carry_out(room, errand, station)
    assert [type(one) for one in station.asked] == [c.SetPassword]


def active(slot: str | None) -> Answer:
    return Answer(Outcome.ACCEPTED, "", readings=(Reading(Variable("OCPPCommCtrlr", "ActiveNetworkProfile"), slot),))


async def test_21_writes_the_password_of_the_slot_in_use(room, rotations, errand):
    """NetworkConfiguration goes before SecurityCtrlr (2.1 errata 2025-09, B09.FR.26-28)."""
    old = on_line(room, version=OcppVersion.V21)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(active("2"), ACCEPT, version=OcppVersion.V21)
    await carry_out(room, errand, station)
    (setting,) = station.asked[1].settings
    assert setting.variable == SLOT_PASSWORD
    assert id_of(room, Secret.of(setting.value)) is not None
    assert id_of(room, old) is None


@pytest.mark.parametrize("refusal", [REJECT, answer(Outcome.NOT_SUPPORTED)])
async def test_21_without_a_slot_of_its_own_takes_the_other(room, rotations, errand, refusal):
    """ActiveNetworkConf: the slot in use is not written."""
    on_line(room, version=OcppVersion.V21)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(active("2"), refusal, ACCEPT, version=OcppVersion.V21)
    await carry_out(room, errand, station)
    assert isinstance(station.asked[2], c.SetPassword)
    assert station.asked[2].password.text() == station.asked[1].settings[0].value
    assert state(rotations) is ACCEPTED


@pytest.mark.parametrize("told", [active(None), active("../2"), None])
async def test_21_that_does_not_tell_its_slot_takes_the_other(room, rotations, errand, told):
    on_line(room, version=OcppVersion.V21)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(told, ACCEPT, version=OcppVersion.V21)
    await carry_out(room, errand, station)
    assert isinstance(station.asked[1], c.SetPassword)


async def test_after_silence_about_the_slot_nothing_else_is_sent(room, rotations, errand):
    """The first may have arrived; a second one would make it three that are good."""
    on_line(room, version=OcppVersion.V21)
    rotations.ask(["CS-1"], "user:anna")
    station = Station(active("2"), None, version=OcppVersion.V21)
    await carry_out(room, errand, station)
    assert (len(station.asked), state(rotations)) == (2, UNANSWERED)


def test_one_that_is_away_gets_it_when_it_is_back(room, rotations):
    on_line(room)
    room.sightings.disconnected("CS-1", room.clock.now)
    assert rotations.ask(["CS-1"], "user:anna")[0].state is QUEUED
    assert not room.orders.any_waiting()
    room.orders.wake("CS-1")
    assert [(one.errand, one.action) for one in room.orders.claim({"CS-1"})] == [
        ("rotate-password", "ChangeConfiguration")
    ]


def test_a_station_is_asked_once_at_a_time(room, rotations):
    on_line(room)
    first, second = (rotations.ask(["CS-1", "CS-1"], "user:anna")[0] for _ in range(2))
    assert first.command == second.command
    room.clock.advance(minutes=11)  # whoever was to send it died
    assert rotations.ask(["CS-1"], "user:anna")[0].command != first.command


@pytest.mark.parametrize(
    ("station", "why"),
    [("CS-9", "not registered"), ("CS-2", "never connected"), ("CS-3", "proves nothing"), ("CS-4", "a walk of it")],
)
def test_one_that_cannot_be_asked_is_told_why(room, rotations, station, why):
    room.add("CS-2")
    room.add("CS-3", profile=NONE)
    room.connect("CS-3", NONE)
    room.add("CS-4")
    room.connect("CS-4")
    room.ledger.start("CS-4", 2, {}, "user:anna")
    (rotation,) = rotations.ask([station], "user:anna")
    assert (rotation.state, why in rotation.reason) == (UNABLE, True)


def test_many_are_asked_in_the_given_order_and_paged_by_name(room, rotations):
    names = [f"CS-{number}" for number in (3, 1, 2)]
    for name in names:
        room.add(name)
        room.connect(name)
    assert [one.station for one in rotations.ask(names, "user:anna")] == names
    assert [one.station for one in rotations.page(None, 2)] == ["CS-1", "CS-2"]
    assert [one.station for one in rotations.page("CS-2", 2)] == ["CS-3"]


def test_what_nobody_fetched_within_a_month_is_given_up(room, rotations):
    on_line(room)
    room.sightings.disconnected("CS-1", room.clock.now)
    rotations.ask(["CS-1"], "user:anna")
    room.clock.advance(seconds=timedelta(days=31).total_seconds())
    assert room.orders.give_up_stale() == 1
    assert state(rotations) is FAILED


async def test_a_quiet_station_is_sent_its_password_and_nothing_else(room, rotations, errand):
    """TC_A_09: a certification tool fails on the question which slot is in use."""
    on_line(room, version=OcppVersion.V21)
    QuietMode(room.store, room.trail, room.clock).turn("CS-1", True, "user:anna", "certification")
    rotations.ask(["CS-1"], "user:anna")
    station = Station(ACCEPT, version=OcppVersion.V21)
    await carry_out(room, errand, station)
    (sent,) = station.asked
    assert isinstance(sent, c.SetPassword)
    assert (state(rotations), id_of(room, sent.password) is not None) == (ACCEPTED, True)
