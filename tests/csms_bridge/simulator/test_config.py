"""What a station's configuration refuses, and how faults are spelled."""

from __future__ import annotations

import pytest

from csms_bridge.simulator.config import Fault
from tests.csms_bridge.simulator.stations import a_config


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("url", {"url": "http://localhost/ocpp"}),
        ("profile", {"profile": 4}),
        ("serial", {"serial": "S" * 65}),
        ("vendor", {"vendor": ""}),
        ("identity", {"identity": ""}),
        ("identity", {"identity": "CS:1"}),
        ("password", {"password": None}),
    ],
)
def test_refuses_what_no_station_could_be(field: str, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"^{field}:"):
        a_config(**changes)


def test_password_is_not_shown() -> None:
    assert "sixteen" not in repr(a_config())


def test_faults_are_found_by_their_spelling_and_know_their_rule() -> None:
    assert Fault("wrong-cn") is Fault.WRONG_CN
    for fault in Fault:
        assert fault == fault.value
        assert fault.rule.endswith(".")
