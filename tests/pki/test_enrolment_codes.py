from collections.abc import Callable
from datetime import timedelta

import pytest

from pki.enrolment_codes import CodeState, EnrolmentCode, EnrolmentCodes, NewCode, withdraw_open
from pki.errors import CodeAtWork, CodeRefused, OrderRefused, UnknownCode
from pki.tables import EnrolmentCodeRow
from tests.pki.conftest import Room

DAY = timedelta(days=1)
KEY, OTHER_KEY = "ab" * 32, "cd" * 32


@pytest.fixture
def codes(room: Room) -> EnrolmentCodes:
    return EnrolmentCodes(room.store, room.trail)


@pytest.fixture
def made(room: Room, codes: EnrolmentCodes) -> NewCode:
    return codes.make(["CS-1"], DAY, "user:ada", room.clock.now)[0]


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(CodeRefused) as refusal:
        attempt()
    return refusal.value.code


def everything(room: Room, codes: EnrolmentCodes) -> list[EnrolmentCode]:
    return codes.page(room.clock.now, station=None, only_open=False, after=None, limit=100)


def test_only_a_digest_is_kept(room: Room, made: NewCode) -> None:
    with room.store.reading() as session:
        row = session.get(EnrolmentCodeRow, made.code.id)
    text = made.text.text()
    kept = str(row)
    assert text not in kept
    assert text.replace("-", "") not in kept
    assert text not in repr(made)


def test_a_code_is_found_for_its_station_however_it_is_typed(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    typed = made.text.text().lower().replace("-", " ")
    assert codes.find(typed, "CS-1", room.clock.now) == made.code


def test_a_mistyped_code_is_told_from_an_unknown_one(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    other = EnrolmentCodes(room.store, room.trail).make(["CS-2"], DAY, "user:ada", room.clock.now)[0]
    right = made.text.text()
    mistyped = ("1" if right[0] != "1" else "2") + right[1:]
    assert refused(lambda: codes.find(mistyped, "CS-1", room.clock.now)) == "mistyped"
    assert refused(lambda: codes.find("", "CS-1", room.clock.now)) == "mistyped"
    assert refused(lambda: codes.find("00000-00000-00000-00000", "CS-1", room.clock.now)) == "unknown"
    assert refused(lambda: codes.find(other.text.text(), "CS-1", room.clock.now)) == "other-station"


def test_a_code_runs_out(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    room.clock.advance(DAY - timedelta(seconds=1))
    assert codes.find(made.text.text(), "CS-1", room.clock.now).state is CodeState.OPEN
    room.clock.advance(timedelta(seconds=1))
    assert refused(lambda: codes.find(made.text.text(), "CS-1", room.clock.now)) == "expired"
    assert refused(lambda: codes.claim(made.code.id, KEY, room.clock.now)) == "expired"
    assert everything(room, codes)[0].state is CodeState.EXPIRED


def test_a_code_is_bound_to_the_first_key(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    codes.claim(made.code.id, KEY, room.clock.now)
    assert refused(lambda: codes.claim(made.code.id, OTHER_KEY, room.clock.now)) == "other-key"
    assert everything(room, codes)[0].state is CodeState.BOUND


def test_one_claim_at_a_time_and_a_dead_one_runs_out(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    codes.claim(made.code.id, KEY, room.clock.now)
    with pytest.raises(CodeAtWork) as busy:
        codes.claim(made.code.id, KEY, room.clock.now)
    assert busy.value.wait > 0
    room.clock.advance(timedelta(minutes=1))
    codes.claim(made.code.id, KEY, room.clock.now)


def test_a_claim_that_was_let_go_may_be_taken_again(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    codes.claim(made.code.id, KEY, room.clock.now)
    codes.let_go(made.code.id)
    assert refused(lambda: codes.claim(made.code.id, OTHER_KEY, room.clock.now)) == "other-key"
    codes.claim(made.code.id, KEY, room.clock.now)


def test_a_used_code_remembers_what_it_led_to(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    codes.claim(made.code.id, KEY, room.clock.now)
    codes.use_up(made.code.id, "5ab1", "station:CS-1", room.clock.now)
    again = codes.claim(made.code.id, KEY, room.clock.now)
    assert (again.state, again.used_for, again.used_at) == (CodeState.USED, "5ab1", room.clock.now)
    assert refused(lambda: codes.claim(made.code.id, OTHER_KEY, room.clock.now)) == "other-key"
    assert room.acts()[-2:] == ["enrolment-code:made", "enrolment-code:used"]


def test_a_withdrawn_code_is_good_for_nothing(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    assert codes.withdraw(made.code.id, "user:bob", room.clock.now).state is CodeState.WITHDRAWN
    codes.withdraw(made.code.id, "user:bob", room.clock.now)
    assert refused(lambda: codes.find(made.text.text(), "CS-1", room.clock.now)) == "withdrawn"
    assert room.acts().count("enrolment-code:withdrawn") == 1


def test_withdrawing_a_used_code_changes_nothing(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    codes.claim(made.code.id, KEY, room.clock.now)
    codes.use_up(made.code.id, "5ab1", "station:CS-1", room.clock.now)
    assert codes.withdraw(made.code.id, "user:bob", room.clock.now).state is CodeState.USED


def test_a_fresh_code_takes_the_place_of_the_older_one(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    fresh = codes.make(["CS-1", "CS-1"], DAY, "user:ada", room.clock.now)
    assert len(fresh) == 1
    assert refused(lambda: codes.find(made.text.text(), "CS-1", room.clock.now)) == "withdrawn"
    assert codes.find(fresh[0].text.text(), "CS-1", room.clock.now).state is CodeState.OPEN


def test_a_removed_station_leaves_no_open_code(room: Room, codes: EnrolmentCodes, made: NewCode) -> None:
    with room.store.writing() as session:
        withdraw_open(session, ["CS-1"], room.clock.now)
    assert refused(lambda: codes.find(made.text.text(), "CS-1", room.clock.now)) == "withdrawn"


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_refuses_a_life_out_of_bounds(room: Room, codes: EnrolmentCodes, life: timedelta) -> None:
    with pytest.raises(OrderRefused) as refusal:
        codes.make(["CS-1"], life, "user:ada", room.clock.now)
    assert refusal.value.field == "valid_for"


def test_pages_go_from_the_newest_to_the_oldest(room: Room, codes: EnrolmentCodes) -> None:
    for number in range(5):
        codes.make([f"CS-{number}"], DAY, "user:ada", room.clock.now)
        room.clock.advance(timedelta(seconds=number % 2))  # two share a moment
    whole = [code.id for code in everything(room, codes)]
    first = codes.page(room.clock.now, station=None, only_open=False, after=None, limit=2)
    rest = codes.page(room.clock.now, station=None, only_open=False, after=first[-1].id, limit=9)
    assert [code.id for code in first + rest] == whole
    assert len(whole) == 5
    with pytest.raises(UnknownCode):
        codes.page(room.clock.now, station=None, only_open=False, after="nothing", limit=2)


def test_a_page_can_be_narrowed_to_a_station_and_to_what_is_open(
    room: Room, codes: EnrolmentCodes, made: NewCode
) -> None:
    codes.make(["CS-2"], DAY, "user:ada", room.clock.now)
    codes.withdraw(made.code.id, "user:bob", room.clock.now)
    opened = codes.page(room.clock.now, station=None, only_open=True, after=None, limit=9)
    assert [code.station for code in opened] == ["CS-2"]
    of_one = codes.page(room.clock.now, station="CS-1", only_open=False, after=None, limit=9)
    assert [code.id for code in of_one] == [made.code.id]
    assert codes.page(room.clock.now, station="CS-1", only_open=True, after=None, limit=9) == []
