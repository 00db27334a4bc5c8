"""The fleet is counted and listed by what was stored, and what was not assessed is said to be so."""

import pytest
from sqlalchemy import update

from csms_bridge.campaigns.words import Selection
from csms_bridge.errors import StationRefused
from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.readiness.book import Wanted, cursor_of
from csms_bridge.readiness.codes import Code, Order, Verdict
from csms_bridge.readiness.rows import ReadinessRow
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow
from tests.csms_bridge.room import NOON


@pytest.fixture
def fleet(ready):
    """1 and 2: nothing is known of them. 3 has no security extension. 4 is there. 5 was not assessed."""
    for number, site in ((1, "Harbour"), (2, "Airport"), (3, "Harbour")):
        ready.met(f"CS-{number}", site=site, tags=("fast",) if number == 1 else ())
    ready.book.begin("CS-3", Due(NOON, Why.FIRST, whole=True))
    ready.book.end("CS-3", Result(Outcome.WHOLE, extension=False))
    ready.met("CS-4", profile=SecurityProfile.MUTUAL_TLS)
    ready.readiness.assess_again([f"CS-{number}" for number in range(1, 5)])
    ready.met("CS-5", site="Harbour")
    return ready


def names(fleet, wanted=Wanted(), **more):
    return [one.station for one in fleet.readiness.page(wanted, **more)]


def test_counts_by_verdict_and_by_reason(fleet):
    found = fleet.readiness.counts(Wanted())
    assert (found.stations, found.not_assessed) == (5, 1)
    assert {verdict: number for verdict, number in found.by_verdict.items() if number} == {
        Verdict.UNSURE: 2, Verdict.BLOCKED: 1, Verdict.THERE: 1,
    }  # fmt: skip
    assert found.by_reason[Code.NEVER_READ] == 2
    assert found.by_reason[Code.NO_EXTENSION] == 1


def test_each_goal_is_counted_by_itself(fleet):
    with fleet.room.store.writing() as session:
        session.execute(update(ReadinessRow).where(ReadinessRow.goal == 2).values(verdict="ready"))
    on_two = fleet.readiness.counts(Wanted(SecurityProfile.TLS_BASIC))
    assert on_two.by_verdict[Verdict.READY] == 4
    assert fleet.readiness.counts(Wanted()).by_verdict[Verdict.READY] == 0


def test_lists_every_station_also_those_that_were_not_assessed(fleet):
    assert names(fleet) == ["CS-1", "CS-2", "CS-3", "CS-4", "CS-5"]
    last = fleet.readiness.page(Wanted())[-1]
    assert (last.verdict, last.score, last.reasons, last.assessed_at) == (None, None, (), None)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(verdict=Verdict.BLOCKED), ["CS-3"]),
        (Wanted(blocked=True), ["CS-3"]),
        (Wanted(blocked=False), ["CS-1", "CS-2", "CS-4", "CS-5"]),
        (Wanted(reason=Code.NO_EXTENSION), ["CS-3"]),
        (Wanted(selection=Selection(site="Harbour")), ["CS-1", "CS-3", "CS-5"]),
        (Wanted(selection=Selection(site="Harbour"), blocked=True), ["CS-3"]),
        (Wanted(selection=Selection(tag="fast")), ["CS-1"]),
        (Wanted(selection=Selection(vendor="acme", model="one", profile=3)), ["CS-4"]),
    ],
)
def test_filters_stations(fleet, wanted, expected):
    assert names(fleet, wanted) == expected


def test_the_numbers_are_of_what_was_filtered(fleet):
    found = fleet.readiness.counts(Wanted(selection=Selection(site="Harbour")))
    assert (found.stations, found.not_assessed, found.by_verdict[Verdict.BLOCKED]) == (3, 1, 1)


@pytest.mark.parametrize("order", Order)
def test_pages_join_into_the_whole(fleet, order):
    whole = fleet.readiness.page(Wanted(), order=order)
    after, found = None, []
    while page := fleet.readiness.page(Wanted(), order=order, after=after, limit=1):
        found += page
        after = cursor_of(order, page[-1])
    assert found == whole == list(fleet.readiness.every(Wanted(), order))


def test_by_score_the_lowest_comes_first(fleet):
    scores = [one.score for one in fleet.readiness.page(Wanted(), order=Order.SCORE)]
    assert scores == sorted(scores)
    assert scores[0] == 0


@pytest.mark.parametrize("cursor", ["", "x:CS-1", "99999999999:CS-1", "CS-1"])
def test_a_cursor_that_is_none_begins_at_the_beginning(fleet, cursor):
    assert names(fleet, order=Order.SCORE, after=cursor)[0] == "CS-3"


def test_no_walk_leads_to_profile_1(fleet):
    for ask in (fleet.readiness.counts, fleet.readiness.page):
        with pytest.raises(StationRefused):
            ask(Wanted(SecurityProfile.BASIC))


def test_what_another_program_has_stored_is_no_assessment(fleet):
    """The bits of another list of reasons would be told as the wrong ones."""
    with fleet.room.store.writing() as session:
        session.execute(update(ReadinessRow).values(edition="other"))
    assert fleet.readiness.counts(Wanted()).not_assessed == 5
    assert names(fleet, Wanted(blocked=True)) == []
    assert fleet.readiness.round() == 5
    assert fleet.readiness.counts(Wanted()).not_assessed == 0


def test_a_station_that_is_gone_leaves_nothing(fleet):
    fleet.room.registry.remove("CS-3", "user:anna", "sold")
    fleet.readiness.assess_again(["CS-3"])
    with fleet.room.store.reading() as session:
        assert session.get(ReadinessRow, ("CS-3", 3)) is None
        assert session.get(StationRow, "CS-3") is None
