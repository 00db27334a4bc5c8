"""The engine of walks against many more histories than `make test` has the time for."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from csms_bridge.walks.steps import WalkState
from tests.csms_bridge.walks.histories import (
    ENDS,
    WAYS,
    assert_as_good_as_before,
    histories,
    is_walked,
    journey_of,
    known_as,
    manners,
    quirks,
)

AT_LENGTH = settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.mark.soak
@AT_LENGTH
@given(st.sampled_from(WAYS), manners, quirks, histories)
def test_no_history_strands_a_station_or_leaves_a_walk_without_an_end(way, manners, quirks, history):
    assume(is_walked(way, quirks))
    journey = journey_of(way, known_as(manners, quirks), quirks, history)
    assert journey.at.outcome in ENDS
    if journey.at.outcome is WalkState.CANCELLED:
        assert_as_good_as_before(journey)
