"""Which messages about charging are the same one again, and what a station is doing."""

import pytest

from csms_bridge.charging import ChargingState, Connector, Transaction, digest_of
from tests.csms_bridge.room import NOON

START = {"connectorId": 1, "idTag": "04A1", "meterStart": 0, "timestamp": "2026-03-02T12:00:00Z"}
EVENT = {
    "eventType": "Updated", "timestamp": "2026-03-02T12:00:00Z", "triggerReason": "MeterValuePeriodic", "seqNo": 3,
    "transactionInfo": {"transactionId": "T1"},
}  # fmt: skip


def test_the_same_words_in_another_order_are_the_same_message():
    assert digest_of("StartTransaction", START) == digest_of("StartTransaction", dict(reversed(START.items())))


@pytest.mark.parametrize("field", START)
def test_another_word_is_another_message(field):
    assert digest_of("StartTransaction", START) != digest_of("StartTransaction", {**START, field: "x"})


def test_another_action_is_another_message():
    assert digest_of("StartTransaction", START) != digest_of("MeterValues", START)


def test_a_transaction_event_is_known_by_its_number_however_it_comes_again():
    again = {
        **EVENT,
        "offline": True,
        "meterValue": [],
        "transactionInfo": {"transactionId": "T1", "chargingState": "Idle"},
    }
    assert digest_of("TransactionEvent", EVENT) == digest_of("TransactionEvent", again)


@pytest.mark.parametrize(
    "change",
    [
        {"seqNo": 4},
        {"transactionInfo": {"transactionId": "T2"}},
        {"eventType": "Ended"},
        {"timestamp": "2026-03-02T12:01:00Z"},
    ],
)
def test_another_transaction_event_is_another(change):
    assert digest_of("TransactionEvent", EVENT) != digest_of("TransactionEvent", EVENT | change)


def _connector(status: str) -> Connector:
    return Connector("CS-1", 0, 1, status, "", None, NOON)


@pytest.mark.parametrize(
    ("status", "busy"),
    [
        ("Charging", True),
        ("SuspendedEV", True),
        ("SuspendedEVSE", True),
        ("Available", False),
        ("Occupied", False),
        ("Faulted", False),
    ],
)
def test_a_connector_of_1_6_tells_that_somebody_charges(status, busy):
    assert ChargingState((), (_connector("Available"), _connector(status))).is_busy is busy


def test_an_open_transaction_tells_that_somebody_charges():
    transaction = Transaction(1, "CS-1", "T1", None, None, "", NOON, None)
    assert ChargingState((transaction,), ()).is_busy
    assert not ChargingState((), ()).is_busy
