"""Planned roll-overs in the database: vetoes by name, a way back, and every step whole after a crash."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from csms_bridge import events as e
from csms_bridge.errors import PlanRefused, UnknownPlan, UnknownStation
from csms_bridge.station import SecurityProfile
from csms_bridge.station_roots.entries import Deed
from csms_bridge.trust.door import Trust
from csms_bridge.trust.plan_book import KIND, PlanState, RootPlan
from csms_bridge.trust.plan_steps import Gates, PlanStep
from pki.alarms import AlarmKind
from pki.errors import RolloverRefused
from pki.hierarchy import AuthorityStatus
from pki.keys import KeyFamily
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, Holder, name_of, wire
from tests.csms_bridge.station_roots.issued import own_certificate
from tests.csms_bridge.trust.trusting import EDGE_LINE, RSA_LINE, holder, installs, names, shows, trust_of

PLANNED, INSTALL, CONFIRM, SWITCH, CONNECT, REMOVE, CLEAR = PlanStep
ALL = (INSTALL, CONFIRM, SWITCH, CONNECT, REMOVE)


@pytest.fixture
def signing_room(prepared_room: SigningRoom) -> SigningRoom:
    """A successor of the root is there already, as after a ceremony."""
    return prepared_room


class PowerCut(BaseException):
    """The process ends here."""


def planned(room: SigningRoom, gates: Gates | None = None) -> tuple[Trust, str]:
    trust = trust_of(room)
    return trust, trust.plans.start("root", BY, gates or Gates()).id


def take(room: SigningRoom, trust: Trust, plan: str, *steps: PlanStep) -> RootPlan:
    """Take these steps; lists are published and servers renewed in between, as the service does."""
    for step in steps:
        room.authority.refresh_crls()
        room.authority.server_credentials()
        trust.plans.advance(plan, step, BY, "in a test", force=step is REMOVE)
    return trust.plans.find(plan)


def status(room: SigningRoom, authority: str) -> AuthorityStatus:
    return room.authority.authority(authority).status


def server_roots(room: SigningRoom) -> set[str]:
    room.authority.chains._reload()
    return set(room.authority.roots_of_servers(KeyFamily.EC))


def connects_alone(room: SigningRoom, trust: Trust, *stations: Holder) -> None:
    """The server shows the new root alone, and these connect."""
    shows(room, trust, "root-2")
    for one in stations:
        room.connect(one.station, SecurityProfile.TLS_BASIC, version=one.version)
    trust.sightings.look()


@pytest.mark.both_databases
def test_the_whole_way(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room)
    one = holder(room, "CS-1", "root")
    assert trust.plans.find(plan).next is INSTALL
    take(room, trust, plan, INSTALL)
    with pytest.raises(PlanRefused, match="0 of 1 stations have confirmed the new root"):
        trust.plans.advance(plan, CONFIRM, BY)
    installs(one, "root-2")
    one.list()
    take(room, trust, plan, CONFIRM, SWITCH)
    assert (status(room, "root"), status(room, "root-2")) == (AuthorityStatus.RETIRING, AuthorityStatus.ACTIVE)
    assert server_roots(room) == {"root", "root-2"}
    found = take(room, trust, plan, CONNECT)
    assert server_roots(room) == {"root-2"}
    assert found.stay is not None
    assert "0 of 1 stations have connected under the new root alone" in found.stay.findings[0]
    connects_alone(room, trust, one)
    found = take(room, trust, plan, REMOVE)
    assert (found.state, found.step, found.next) == (PlanState.RUNNING, REMOVE, CLEAR)
    assert status(room, "root") is AuthorityStatus.RETIRED
    with pytest.raises(PlanRefused, match="1 station lists the old root") as refused:
        trust.plans.advance(plan, CLEAR, BY)
    assert refused.value.stations == ("CS-1",)
    _boots(room, one)
    trust.rounds.round()
    trust.rounds.round()
    (order,) = room.orders.claim({"CS-1"})
    assert (order.action, order.payload) == ("DeleteCertificate", {"certificateHashData": wire(one.held[0][1])})
    one.held = one.held[1:]
    room.orders.finish(order, {"status": "Accepted"})
    found = take(room, trust, plan, CLEAR)
    assert (found.state, found.step, found.next, found.stay) == (PlanState.DONE, CLEAR, None, None)


def removed(room: SigningRoom, trust: Trust, plan: str, *stations: Holder) -> None:
    """Up to *remove old*; these are seen under the new root alone, and are ready to be asked."""
    trust.plans.set_gates(plan, Gates(0, 0), BY, "a test")
    take(room, trust, plan, INSTALL, CONFIRM, SWITCH, CONNECT)
    connects_alone(room, trust, *stations)
    take(room, trust, plan, REMOVE)
    _boots(room, *stations)


def why_held(trust: Trust, plan: str) -> dict[str, str]:
    """Who lists the old root, and why."""
    return {one.station: one.why for one in trust.plans.holding(plan)}


@pytest.mark.both_databases
def test_the_old_root_is_deleted_only_where_nothing_hangs_on_it(signing_room: SigningRoom) -> None:
    """Never the last one, never before the station was seen under the new root alone, never behind an edge."""
    room = signing_room
    trust, plan = planned(room)
    seen = holder(room, "CS-seen", "root", "root-2")
    last = holder(room, "CS-last", "root")
    rsa = holder(room, "CS-rsa", "root", "root-rsa", line=RSA_LINE)
    for one in (seen, rsa):
        one.list()
    removed(room, trust, plan, seen, last)
    unseen = holder(room, "CS-unseen", "root", "root-2")
    edge = holder(room, "CS-edge", "root", "root-2", line=EDGE_LINE)
    for one in (unseen, edge, last):  # some do not list a root that they took in the form that the old one signed
        one.list()
    _boots(room, unseen, edge, rsa)
    trust.rounds.round()
    assert {order.station for order in room.orders.claim({"CS-seen", "CS-last", "CS-unseen", "CS-edge", "CS-rsa"})} == {
        "CS-seen"
    }
    found = why_held(trust, plan)
    assert "the station's last CSMS root" in found["CS-last"]
    assert "an edge ends its TLS" in found["CS-edge"]
    assert found["CS-unseen"] == found["CS-rsa"] == "it has not connected since our servers show the new root alone"
    assert found["CS-seen"] == "it has been asked to delete it"
    room.connect("CS-rsa", SecurityProfile.TLS_BASIC, version=rsa.version, line=RSA_LINE)
    assert why_held(trust, plan)["CS-rsa"] == "its turn comes"  # our RSA certificate never stood under that root
    trust.rounds.round()
    assert [order.action for order in room.orders.claim({"CS-rsa"})] == ["DeleteCertificate"]


@pytest.mark.parametrize(
    ("status_", "why"),
    [
        ("Failed", "the station would not delete it: it is in use, the last of its kind, or its own"),
        ("NotFound", "the station knows no such certificate, though it listed it so"),
    ],
)
def test_who_does_not_delete_it_stands_against_the_end_until_it_is_excluded(
    signing_room: SigningRoom, status_: str, why: str
) -> None:
    """It is asked once, by the hash data that it listed itself, however odd that is."""
    room = signing_room
    trust, plan = planned(room)
    odd = holder(room, "CS-1", "root-2")
    told = replace(name_of(odd.root("root")), serial_number=name_of(odd.root("root")).serial_number.upper().zfill(40))
    odd.hold(CSMS, told)
    odd.list()
    removed(room, trust, plan, odd)
    trust.rounds.round()
    (order,) = room.orders.claim({"CS-1"})
    assert order.payload == {"certificateHashData": wire(told)}
    room.orders.finish(order, {"status": status_})
    trust.rounds.round()
    assert room.orders.claim({"CS-1"}) == []
    assert why_held(trust, plan) == {"CS-1": why}
    trust.plans.exclude(plan, ["CS-1"], "its maker's firmware cannot", BY)
    assert trust.plans.find(plan).stay is None
    assert take(room, trust, plan, CLEAR).state is PlanState.DONE


def test_it_stops_and_names_who_would_drop_and_goes_on_without_them(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room, Gates(confirmed=0, connected=0))
    for number in (1, 2, 3):
        installs(holder(room, f"CS-{number}"), "root-2", "Rejected" if number == 2 else "Accepted")
    lister = holder(room, "CS-4", "root")
    lister.list()
    take(room, trust, plan, INSTALL)
    with pytest.raises(PlanRefused) as refused:
        trust.plans.advance(plan, CONFIRM, BY)
    assert refused.value.stations == ("CS-2", "CS-4")
    assert "2 stations would lose us" in refused.value.sentence
    assert names(trust.plans.losing(plan)) == ["CS-2", "CS-4"]
    assert [one.verdict.why for one in trust.plans.losing(plan)] == [
        "it refused the root root-2", "the root root-2 is not among those that it lists",
    ]  # fmt: skip
    assert names(trust.plans.unsure(plan)) == ["CS-1", "CS-3"]
    with pytest.raises(PlanRefused, match="say why"):
        trust.plans.exclude(plan, ["CS-2"], " ", BY)
    with pytest.raises(UnknownStation):
        trust.plans.exclude(plan, ["CS-2", "CS-9"], "a new unit comes", BY)
    assert trust.plans.find(plan).exclusions == 0
    trust.plans.exclude(plan, ["CS-2", "CS-4"], "a new unit comes", BY)
    assert take(room, trust, plan, CONFIRM).step is CONFIRM
    assert {one.reason for one in trust.plans.exclusions(plan)} == {"a new unit comes"}
    trust.plans.include(plan, "CS-2", BY)
    with pytest.raises(PlanRefused, match="1 station would lose us"):
        trust.plans.advance(plan, SWITCH, BY)


def test_who_never_saw_our_certificate_of_this_key_is_not_concerned(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room)
    installs(holder(room, "CS-1", line=RSA_LINE), "root-2", "Rejected")
    room.add("CS-2")
    room.connect("CS-2")
    room.add("CS-3")
    found = take(room, trust, plan, INSTALL, CONFIRM, SWITCH, CONNECT)
    assert found.standing is not None
    assert (found.standing.concerned, found.standing.elsewhere) == (0, 1)


def test_removing_the_old_names_whose_certificate_it_issued(signing_room: SigningRoom) -> None:
    """Which is refused afterwards, whatever the per cents say (A00.FR.404)."""
    room = signing_room
    trust, plan = planned(room, Gates(0, 0))
    made = holder(room, "CS-1")
    serial = own_certificate(room, "CS-1")[0].serial
    room.connect("CS-1", SecurityProfile.MUTUAL_TLS, certificate=serial, version=made.version)
    take(room, trust, plan, INSTALL, CONFIRM, SWITCH, CONNECT)
    connects_alone(room, trust, made)
    room.connect("CS-1", SecurityProfile.MUTUAL_TLS, certificate=serial, version=made.version)
    with pytest.raises(PlanRefused) as refused:
        trust.plans.advance(plan, REMOVE, BY, "now", force=True)
    assert refused.value.stations == ("CS-1",)
    assert room.authority.authority("root").status is AuthorityStatus.RETIRING


def test_every_step_but_the_last_has_a_way_back(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room)
    take(room, trust, plan, INSTALL, CONFIRM, SWITCH, CONNECT)
    assert trust.plans.back(plan, BY, "two went dark").step is SWITCH
    assert server_roots(room) == {"root", "root-2"}
    assert trust.plans.back(plan, BY, "not yet").step is CONFIRM
    assert (status(room, "root"), status(room, "root-2")) == (AuthorityStatus.ACTIVE, AuthorityStatus.PREPARED)
    assert server_roots(room) == {"root"}
    assert trust.plans.back(plan, BY, "not yet").step is INSTALL
    with pytest.raises(PlanRefused, match="no way back"):
        trust.plans.back(plan, BY, "further")
    take(room, trust, plan, CONFIRM, SWITCH, CONNECT, REMOVE)
    with pytest.raises(PlanRefused, match="no way back"):
        trust.plans.back(plan, BY, "too late")
    take(room, trust, plan, CLEAR)
    with pytest.raises(PlanRefused, match="the plan is done"):
        trust.plans.back(plan, BY, "too late")


def test_a_paused_plan_stands_still(signing_room: SigningRoom) -> None:
    trust, plan = planned(signing_room)
    trust.plans.pause(plan, "holidays", BY)
    with pytest.raises(PlanRefused, match="the plan is paused"):
        trust.plans.advance(plan, INSTALL, BY)
    with pytest.raises(PlanRefused, match="it is paused, not running"):
        trust.plans.pause(plan, "again", BY)
    assert trust.plans.resume(plan, BY).state is PlanState.RUNNING
    assert trust.plans.advance(plan, INSTALL, BY).step is INSTALL


def test_a_step_is_named_and_not_taken_twice(signing_room: SigningRoom) -> None:
    trust, plan = planned(signing_room)
    trust.plans.advance(plan, INSTALL, BY)
    trust.plans.advance(plan, INSTALL, BY)
    with pytest.raises(PlanRefused, match="the next step is all confirmed"):
        trust.plans.advance(plan, SWITCH, BY)
    with pytest.raises(UnknownPlan):
        trust.plans.advance("nobody", INSTALL, BY)


def test_what_the_authority_refuses_leaves_the_plan_where_it_was(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    plan = trust.plans.start("root-rsa", BY, Gates()).id
    trust.plans.advance(plan, INSTALL, BY)
    with pytest.raises(RolloverRefused, match="no revocation list yet"):
        trust.plans.advance(plan, CONFIRM, BY)
    found = trust.plans.find(plan)
    assert (found.step, found.intent) == (INSTALL, "")
    assert "no revocation list yet" in found.reason
    assert take(signing_room, trust, plan, CONFIRM).step is CONFIRM


def test_a_planned_roll_over_moves_by_its_plan_alone(signing_room: SigningRoom) -> None:
    trust, plan = planned(signing_room)
    with pytest.raises(PlanRefused, match="is planned"):
        trust.plans.check_not_planned(plan)
    with pytest.raises(PlanRefused, match="planned already"):
        trust.plans.start("root", BY, Gates())
    assert trust.plans.abandon(plan, "another time", BY).state is PlanState.ABANDONED
    assert status(signing_room, "root-2") is AuthorityStatus.RETIRED
    trust.plans.check_not_planned(plan)


@pytest.mark.parametrize("gates", [Gates(101, 0), Gates(0, -1), Gates(float("nan"), 0)])
def test_a_gate_is_a_per_cent(signing_room: SigningRoom, gates: Gates) -> None:
    with pytest.raises(PlanRefused, match="per cent"):
        trust_of(signing_room).plans.start("root", BY, gates)


def test_only_a_root_of_ours_is_planned(signing_room: SigningRoom) -> None:
    for name in ("stations", "manufacturer"):
        with pytest.raises(PlanRefused, match="no root of ours"):
            trust_of(signing_room).plans.start(name, BY, Gates())


@pytest.mark.slow
@pytest.mark.parametrize("cut", range(1, 4))
@pytest.mark.parametrize("step", [CONFIRM, SWITCH, CONNECT, REMOVE])
def test_a_crash_at_each_commit_of_a_step_leaves_it_to_the_next_round(
    signing_room: SigningRoom, step: PlanStep, cut: int
) -> None:
    room = signing_room
    trust, plan = planned(room)
    take(room, trust, plan, *ALL[: ALL.index(step)])
    room.authority.refresh_crls()
    room.authority.server_credentials()
    with _power_cut_before_commit(room, cut), pytest.raises(PowerCut):
        trust.plans.advance(plan, step, BY, "in a test", force=True)
    again = trust_of(room)
    again.plans.settle_intents()
    found = again.plans.find(plan)
    assert found.intent == ""
    assert found.step in (step, ALL[ALL.index(step) - 1])
    if found.step is not step:  # nothing was intended yet
        found = take(room, again, plan, step)
    assert found.step is step
    moved = [record.act for record in _records(room, plan)].count("root-plan:moved")
    assert moved == ALL.index(step) + 1


class _power_cut_before_commit:  # noqa: N801 -- reads as a statement
    """The process dies before its n-th commit."""

    def __init__(self, room: SigningRoom, number: int) -> None:
        self._engine, self._left = room.store.engine, number

    def __enter__(self) -> None:
        event.listen(self._engine, "commit", self._count)

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "commit", self._count)

    def _count(self, _connection: object) -> None:
        self._left -= 1
        if self._left == 0:
            raise PowerCut


def _records(room: SigningRoom, plan: str) -> list:  # type: ignore[type-arg]
    with room.store.reading() as session:
        return room.trail.records(session, kind=KIND, thing=plan, limit=1000)


# --- what happens by itself


def test_rounds_have_stations_install_the_new_root(signing_room: SigningRoom) -> None:
    """Once each, and only who uses TLS, is there, and may be spoken to."""
    room = signing_room
    trust, plan = planned(room)
    _boots(room, holder(room, "CS-1", "root"), holder(room, "CS-excluded"), holder(room, "CS-quiet"))
    with room.store.writing() as session:
        from csms_bridge.tables import StationRow

        session.get_one(StationRow, "CS-quiet").quiet = True
    room.add("CS-plain")
    room.connect("CS-plain")
    trust.plans.exclude(plan, ["CS-excluded"], "by hand", BY)
    trust.rounds.round()
    assert _installing(room) == []
    take(room, trust, plan, INSTALL)
    trust.rounds.round()
    trust.rounds.round(["CS-1"])
    assert _installing(room) == ["CS-1"]


@pytest.mark.both_databases
def test_rounds_ask_for_new_certificates_after_the_switch(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room, Gates(0, 0))
    made = holder(room, "CS-1")
    _boots(room, made)
    serial = own_certificate(room, "CS-1")[0].serial
    room.connect("CS-1", SecurityProfile.MUTUAL_TLS, certificate=serial, version=made.version)
    take(room, trust, plan, INSTALL, CONFIRM)
    trust.rounds.round()
    assert "TriggerMessage" not in _waiting(room)
    take(room, trust, plan, SWITCH)
    trust.rounds.round()
    trust.rounds.round()
    assert _waiting(room).count("TriggerMessage") == 1


def test_an_alarm_names_who_stands_against_a_plan_and_ends(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, plan = planned(room)
    take(room, trust, plan, INSTALL)
    installs(holder(room, "CS-1"), "root-2", "Rejected")
    trust.rounds.tell()
    (alarm,) = room.authority.alarms.open_of(AlarmKind.ROLLOVER_HINDERED)
    assert alarm.sentence == "by the roll-over of root to root-2 would lose us: CS-1"
    trust.plans.exclude(plan, ["CS-1"], "by hand", BY)
    trust.rounds.tell()
    assert room.authority.alarms.open_of(AlarmKind.ROLLOVER_HINDERED) == []


def _boots(room: SigningRoom, *stations: Holder) -> None:

    for one in stations:
        room.sightings.booted(one.station, e.Booted(vendor="V", model="M", firmware="1", serials=(), reason="PowerUp"))


def _installing(room: SigningRoom) -> list[str]:
    """Who was asked to install the new root, as often as it was."""
    names_of = ("CS-1", "CS-excluded", "CS-quiet", "CS-plain")
    acts = [act for name in names_of for act in room.roots.view(name).acts]
    return [act.station for act in acts if act.deed is Deed.INSTALL and act.name == "root-2"]


def _waiting(room: SigningRoom) -> list[str]:
    return [order.action for order in room.orders.claim({"CS-1"})]
