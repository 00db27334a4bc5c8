"""No certificate of a shape that the full linter has not passed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import pki.full_lint
import pki.shapes
from pki.alarms import AlarmKind
from pki.audit import PkiAct
from pki.errors import LintFailed
from pki.keys import KeyAlgorithm, generate_key
from pki.marks import move_mark
from pki.orders import Decisions
from pki.plans import Addresses, Plan
from pki.shapes import ShapeBook, shape_of
from pki.tables import MarkRow
from pki.to_be_signed import build_specimen, new_serial
from tests.pki.conftest import SETTINGS, Room


def plan_of(room: Room, **changes: Any) -> Plan:
    return replace(Decisions(SETTINGS, room.authority._hierarchy).decide(room.order(), room.clock.now), **changes)


def linted(room: Room, plan: Plan, book: ShapeBook | None = None) -> tuple[str, ...]:
    book = book or ShapeBook(room.store, room.trail)
    return book.findings(plan, build_specimen(plan, new_serial()), room.clock.now)


class Counted:
    """The full linter, counting its calls, or finding something."""

    def __init__(self, *findings: str) -> None:
        self.calls = 0
        self._findings = findings

    def __call__(self, der: bytes) -> tuple[str, ...]:
        self.calls += 1
        return self._findings or pki.full_lint.full_lint(der)


@pytest.fixture
def linter(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(pki.shapes, "full_lint", counted)
    return counted


def test_a_shape_is_linted_once_however_many_certificates_it_has(room: Room, linter: Counted) -> None:
    for number in range(3):
        room.issue(serial=f"SN-{number}", station=f"CS-{number}")
    assert linter.calls == 1


def test_what_passed_is_known_to_other_processes(room: Room, linter: Counted) -> None:
    assert linted(room, plan_of(room)) == ()
    assert linted(room, plan_of(room), ShapeBook(room.store, room.trail)) == ()
    assert linter.calls == 1


def test_what_passed_is_on_record(room: Room) -> None:
    before = set(room.authority.linted_shapes())
    room.issue()
    (passed,) = set(room.authority.linted_shapes()) - before
    assert (passed.profile, passed.authority) == ("station", "stations")
    assert passed.linter.startswith("pkilint ")
    assert room.acts().count(PkiAct.SHAPE_LINTED) == len(before) + 1


def test_a_finding_stops_the_certificate_and_raises_an_alarm(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Counted("pkix.something: error")
    monkeypatch.setattr(pki.shapes, "full_lint", finding)
    for _ in range(2):  # what did not pass is linted again
        with pytest.raises(LintFailed, match=r"pkix\.something"):
            room.issue()
    assert finding.calls == 2
    assert room.authority.certificates(station="CS-1") == []
    (alarm,) = room.authority.alarms.page()
    assert (alarm.kind, alarm.thing, alarm.times) == (AlarmKind.LINT_FINDING, "station by stations", 2)


@pytest.mark.parametrize(
    "other",
    [
        {"addresses": Addresses("http://elsewhere.example")},
        {"hostnames": ("csms.example",)},
        {"common_name": "SÜD-1"},
        {"not_after": datetime(2050, 1, 1, tzinfo=UTC)},
    ],
    ids=["addresses", "host names", "letters beyond ASCII", "times beyond 2049"],
)
def test_what_is_put_together_in_another_way_is_another_shape(room: Room, other: dict[str, Any]) -> None:
    plan = plan_of(room)
    assert shape_of(replace(plan, **other)) != shape_of(plan)


def test_the_profile_the_issuer_and_the_kind_of_key_make_the_shape(room: Room) -> None:
    plan = plan_of(room)
    longer = replace(plan.profile, validity=plan.profile.validity + timedelta(1))
    curve = generate_key(KeyAlgorithm.EC_P384).public_key()
    issuer = room.authority._hierarchy.issuer("csms")
    others = [replace(plan, profile=longer), replace(plan, public_key=curve), replace(plan, issuer=issuer)]
    assert len({shape_of(one) for one in [plan, *others]}) == 4


def test_serial_number_subject_and_key_do_not_make_a_shape(room: Room) -> None:
    plan = plan_of(room)
    other = replace(plan, common_name="SN-2", public_key=generate_key(KeyAlgorithm.EC_P256).public_key())
    assert shape_of(other) == shape_of(plan)


def test_everything_issued_is_linted_again(room: Room) -> None:
    while room.authority.relint():
        pass
    done = room.authority.relinted().done
    room.issue()
    room.issue(serial="SN-2", station="CS-2")
    assert room.authority.relinted().waiting == 2
    assert room.authority.relint(1) == 1
    assert room.authority.relint(10) == 1
    assert room.authority.relint(10) == 0
    progress = room.authority.relinted()
    assert (progress.done, progress.waiting) == (done + 2, 0)
    assert room.authority.alarms.page() == []


def test_what_the_second_reading_finds_raises_an_alarm(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    while room.authority.relint():
        pass
    serials = [room.issue(serial=f"SN-{number}", station=f"CS-{number}").serial for number in range(2)]
    monkeypatch.setattr("pki.relint.full_lint", Counted("pkix.something: error"))
    room.authority.relint()
    (alarm,) = room.authority.alarms.page()
    assert (alarm.kind, alarm.thing, alarm.times) == (AlarmKind.LINT_FINDING, "station by stations", 2)
    assert alarm.sentence == f"the certificate {serials[-1]}: pkix.something: error"


def test_a_slow_process_does_not_take_the_mark_back(room: Room) -> None:
    while room.authority.relint():
        pass
    with room.store.writing() as session:
        mark = session.get_one(MarkRow, "relint")
        behind, mark.position = mark.position, mark.position + 5
    with room.store.writing() as session:
        assert not move_mark(session, "relint", behind, behind + 1)
    with room.store.reading() as session:
        assert session.get_one(MarkRow, "relint").position == behind + 5
