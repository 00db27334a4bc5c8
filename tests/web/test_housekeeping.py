"""What happens every now and then, and what of it gives way to stations that connect."""

from csms_bridge.rush import MANY
from web.housekeeping import in_peace


def test_linting_again_gives_way_to_a_fleet_that_comes_back(service):
    waiting = service.authority.relinted().waiting
    for _ in range(MANY):
        service.fleet.rush.came()
    in_peace(service, "lint", service.authority.relint)
    assert service.authority.relinted().waiting == waiting > 0


def test_it_goes_on_when_few_come(service):
    in_peace(service, "lint", service.authority.relint)
    assert service.authority.relinted().waiting == 0
