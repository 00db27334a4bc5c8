"""The path that is shown is the plan that a walk would have."""

import pytest

from csms_bridge.quirks.quirks import USUAL as NOTHING_ODD
from csms_bridge.quirks.quirks import RestartRule
from csms_bridge.readiness.path import path_of
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.plans import plan
from tests.csms_bridge.readiness.stations import USUAL, book

BASIC, MUTUAL = SecurityProfile.BASIC, SecurityProfile.MUTUAL_TLS


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(("start", "goal"), [(1, 2), (1, 3), (2, 3)])
def test_it_is_the_plan_step_by_step(version, start, goal):
    path = path_of(version, SecurityProfile(start), SecurityProfile(goal), USUAL)
    walk = plan(version, SecurityProfile(start), SecurityProfile(goal), NOTHING_ODD)
    assert [(one.leg, one.name) for one in path.steps] == [(step.leg, step.name) for step in walk.steps]
    assert (path.changes, path.left_out, any(one.by_quirk for one in path.steps)) == ((), (), False)


def test_what_the_quirk_book_changes_is_shown():
    path = path_of(OcppVersion.V16, BASIC, MUTUAL, book(lists_roots=False, restart=RestartRule.ALWAYS))
    assert "confirm the root" in path.left_out
    assert {one.name for one in path.steps if one.by_quirk} == {"restart"}
    assert [(change.key, change.row) for change in path.changes] == [("lists_roots", "acme"), ("restart", "acme")]
    assert "GetInstalledCertificateIds" in path.changes[0].meaning


def test_a_step_that_may_not_be_needed_says_when_it_is():
    steps = {one.name: one.when for one in path_of(OcppVersion.V16, BASIC, MUTUAL, USUAL).steps}
    assert steps["restart if it stayed"] == "if it stays on the line and asks for no restart"
    assert steps["raise to profile 2"] == ""


@pytest.mark.parametrize(("version", "start", "goal"), [(None, 1, 3), (OcppVersion.V16, 3, 3), (OcppVersion.V16, 3, 2)])
def test_where_there_is_no_walk_there_is_no_path(version, start, goal):
    assert path_of(version, SecurityProfile(start), SecurityProfile(goal), USUAL) is None
