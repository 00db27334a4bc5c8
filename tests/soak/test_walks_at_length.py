"""The engine of walks against many more histories than `make test` has the time for."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms_bridge.walks.steps import WalkState
from tests.csms_bridge.walks.test_operated_journeys import (
    ENDS,
    WAYS,
    assert_reachable_as_before,
    journey_of,
    manners,
    operations,
    tellings,
)


@pytest.mark.soak
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(WAYS), manners, operations, st.lists(st.integers(1, 120), max_size=3), tellings)
def test_no_history_strands_a_station_or_leaves_a_walk_without_an_end(way, manners, operations, crashes, delays):
    journey = journey_of(way, manners, operations, crashes, delays)
    assert journey.at.outcome in ENDS
    if journey.at.outcome is WalkState.CANCELLED:
        assert_reachable_as_before(journey)
