"""A plan is made anew at the first boot, as long as nothing was begun."""

from dataclasses import replace

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks import machine
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import hold
from csms_bridge.walks.plans import plan
from csms_bridge.walks.replanning import is_untouched, replanned
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Answered, Connected, Pace, Tick
from tests.csms_bridge.room import NOON

FACTS = {"csms_root": "root", "csms_root_serial": "abc"}
ODD = {**FACTS, "quirks": '{"url_key": "ConnexionUrl"}'}
VERSION = OcppVersion.V16


def begun() -> WalkUnderWay:
    walk = plan(VERSION, SecurityProfile.BASIC, SecurityProfile.MUTUAL_TLS)
    return WalkUnderWay("w1", "CS-1", walk, machine.begin(walk, NOON, FACTS), NOON)


def told(under_way: WalkUnderWay, *seen) -> WalkUnderWay:
    for one in seen:
        at, _ = machine.advance(under_way.walk, under_way.at, one, NOON, Pace())
        under_way = WalkUnderWay("w1", "CS-1", under_way.walk, at, NOON)
    return under_way


def test_what_the_book_says_of_the_station_changes_the_plan():
    before = told(begun(), Connected(SecurityProfile.BASIC))
    after = replanned(before, VERSION, ODD)
    assert len(after.views) > len(before.at.views)
    assert after.facts["quirks"] == ODD["quirks"]
    assert {**before.at.facts, **ODD} == after.facts


def test_a_plan_of_which_anything_was_begun_stays():
    sent = told(begun(), Tick(True))
    assert not is_untouched(sent.at)
    assert replanned(sent, VERSION, ODD) == sent.at
    answered = told(sent, Answered(0, Answer(Outcome.ACCEPTED, "Accepted")))
    assert replanned(answered, VERSION, ODD) == answered.at


def test_a_station_that_is_as_usual_changes_nothing():
    before = begun()
    assert replanned(before, VERSION, FACTS) == before.at


def test_a_walk_on_hold_stays():
    before = begun()
    held = replace(before, at=hold(before.at, "wait", NOON, Cause.OPERATOR))
    assert replanned(held, VERSION, ODD) == held.at
