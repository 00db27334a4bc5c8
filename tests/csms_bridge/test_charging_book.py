"""Messages about charging are kept, once each, and transactions and connectors follow from them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import select

from csms_bridge import events as e
from csms_bridge.charging import Phase
from csms_bridge.charging_book import ChargingBook, Told
from csms_bridge.dialects import DIALECTS
from csms_bridge.errors import UnknownStation
from csms_bridge.events import Booted
from csms_bridge.station import OcppVersion
from csms_bridge.tables import ChargingMessageRow
from tests.csms_bridge.room import NOON, Room

V16, V201, V21 = OcppVersion
METERS = {
    "connectorId": 1,
    "transactionId": 1,
    "meterValue": [{"timestamp": "2026-03-02T12:05:00Z", "sampledValue": [{"value": "7"}]}],
}


@pytest.fixture
def book(room: Room) -> ChargingBook:
    room.add("CS-1")
    room.add("CS-2", version=V201)
    return ChargingBook(room.store, room.trail, room.clock)


def tell(
    book: ChargingBook, action: str, payload: dict[str, Any], station: str = "CS-1", version: OcppVersion = V16
) -> int:
    event = DIALECTS[version].event(action, payload)
    assert isinstance(event, e.ChargingTold)
    return book.take(Told(station, version, action, payload, event))


def start(book: ChargingBook, connector: int = 1, at: str = "2026-03-02T12:00:00Z", station: str = "CS-1") -> int:
    payload = {"connectorId": connector, "idTag": "04A1", "meterStart": 0, "timestamp": at}
    return tell(book, "StartTransaction", payload, station)


def stop(book: ChargingBook, number: int, station: str = "CS-1") -> int:
    payload = {"transactionId": number, "meterStop": 9, "timestamp": "2026-03-02T13:00:00Z"}
    return tell(book, "StopTransaction", payload, station)


def transaction_event(book: ChargingBook, kind: str, number: int, name: str = "T1", **more: Any) -> int:
    payload = {
        "eventType": kind, "timestamp": f"2026-03-02T12:00:{number:02}Z", "triggerReason": "Authorized",
        "seqNo": number, "transactionInfo": {"transactionId": name}, **more,
    }  # fmt: skip
    return tell(book, "TransactionEvent", payload, "CS-2", V201)


def test_a_charging_session_of_1_6(book, room):
    number = start(book)
    assert number > 0
    assert book.is_busy("CS-1")
    tell(book, "MeterValues", METERS | {"transactionId": number})
    assert stop(book, number) == number
    assert not book.is_busy("CS-1")
    [transaction] = book.transactions()
    assert (transaction.connector, transaction.token, transaction.ended_at) == (1, "04A1", NOON)
    messages = book.messages()
    assert [one.action for one in messages] == ["StartTransaction", "MeterValues", "StopTransaction"]
    assert {one.transaction for one in messages} == {number}
    assert messages[1].payload == METERS | {"transactionId": number}


def test_a_start_whose_answer_was_lost_gets_the_same_number(book):
    assert start(book) == start(book)
    assert len(book.messages()) == 1


def test_a_start_with_the_same_words_after_its_stop_is_another_transaction(book):
    """A station without a clock and a meter says the same each time."""
    first = start(book)
    stop(book, first)
    assert start(book) != first
    assert len(book.messages()) == 3


def test_numbers_are_never_given_twice(book, room):
    room.add("CS-3")
    numbers = [start(book), start(book, 2), start(book, station="CS-3")]
    assert len(set(numbers)) == 3
    assert 0 not in numbers


def test_a_new_start_on_a_connector_ends_what_was_open_there(book):
    first, second = start(book), start(book, at="2026-03-02T14:00:00Z")
    assert first != second
    assert [one.id for one in book.transactions(only_open=True)] == [second]
    assert [one.id for one in book.transactions()] == [second, first]


def test_a_repeated_stop_and_repeated_values_are_kept_once(book):
    number = start(book)
    for _ in range(3):
        tell(book, "MeterValues", METERS | {"transactionId": number})
        stop(book, number)
    assert len(book.messages()) == 3


@pytest.mark.parametrize("number", [0, -1, 999, 2**31 - 1])
def test_the_stop_of_an_unknown_transaction_is_kept_and_ends_nothing(book, number):
    start(book)
    assert stop(book, number) == 0
    assert book.is_busy("CS-1")
    assert [one.transaction for one in book.messages()][1] is None


def test_a_station_cannot_end_anothers_transaction(book, room):
    room.add("CS-3")
    number = start(book)
    stop(book, number, "CS-3")
    assert book.is_busy("CS-1")


def test_a_charging_session_of_2_x(book):
    token = {"idToken": {"idToken": "NL-MOB-C1", "type": "eMAID"}, "evse": {"id": 2, "connectorId": 1}}
    number = transaction_event(book, "Started", 0, **token)
    assert {transaction_event(book, "Updated", 1), transaction_event(book, "Ended", 2)} == {number}
    [transaction] = book.transactions(station="CS-2")
    assert (transaction.name, transaction.token, transaction.evse, transaction.connector) == ("T1", "NL-MOB-C1", 2, 1)
    assert transaction.ended_at is not None


def test_events_that_come_again_are_kept_once(book):
    for kind, number in (("Started", 0), ("Updated", 1), ("Started", 0), ("Updated", 1), ("Ended", 2), ("Ended", 2)):
        transaction_event(book, kind, number, offline=number == 1)
    assert [one.payload["seqNo"] for one in book.messages()] == [0, 1, 2]


def test_a_transaction_whose_start_was_lost_is_one_too(book):
    transaction_event(book, "Updated", 5)
    assert book.is_busy("CS-2")


def test_a_late_event_does_not_open_an_ended_transaction_again(book):
    transaction_event(book, "Started", 0)
    transaction_event(book, "Ended", 9)
    transaction_event(book, "Updated", 4)
    assert not book.is_busy("CS-2")
    assert len(book.messages()) == 3


def test_values_outside_a_transaction_belong_to_none(book):
    payload = {"evseId": 1, "meterValue": [{"timestamp": "2026-03-02T12:00:00Z", "sampledValue": [{"value": 1}]}]}
    assert tell(book, "MeterValues", payload, "CS-2", V201) == 0
    assert book.transactions() == []


@pytest.mark.parametrize(("reason", "busy"), [("PowerUp", False), ("", False), ("Triggered", True)])
def test_a_station_that_restarted_charges_nobody(book, room, reason, busy):
    """A triggered BootNotification is no restart (2.0.1 F06)."""
    transaction_event(book, "Started", 0)
    room.sightings.booted("CS-2", Booted("Acme", "Wallbox", "1.0", (), reason))
    assert book.is_busy("CS-2") is busy


def test_a_transaction_that_outlived_a_restart_goes_on(book, room):
    number = transaction_event(book, "Started", 0)
    room.sightings.booted("CS-2", Booted("Acme", "Wallbox", "1.0", (), "PowerUp"))
    assert transaction_event(book, "Updated", 1) == number
    assert book.is_busy("CS-2")
    first = start(book)
    room.sightings.booted("CS-1", Booted("Acme", "Wallbox", "1.0", (), ""))
    tell(book, "MeterValues", METERS | {"transactionId": first})
    assert book.is_busy("CS-1")
    stop(book, first)
    assert not book.is_busy("CS-1")


def connector(status: str, number: int = 1) -> e.ConnectorsTold:
    return e.ConnectorsTold((e.ConnectorStatus(0, number, status, at=NOON),))


def test_the_last_state_of_a_connector_counts(book, room):
    for status in ("Preparing", "Charging"):
        book.connectors_told("CS-1", connector(status))
    book.connectors_told("CS-1", connector("Available", 2))
    state = book.state("CS-1")
    assert [(one.connector, one.status) for one in state.connectors] == [(1, "Charging"), (2, "Available")]
    assert state.is_busy
    assert book.is_busy("CS-1")
    assert room.registry.station("CS-1").charging
    book.connectors_told("CS-1", connector("Available"))
    assert not book.is_busy("CS-1")


def test_a_restart_forgets_connectors_until_they_are_told_again(book, room):
    book.connectors_told("CS-1", connector("Charging"))
    room.sightings.booted("CS-1", Booted("Acme", "Wallbox", "1.0", (), "PowerUp"))
    assert book.state("CS-1").connectors == ()


def test_a_removed_station_takes_its_transactions_and_leaves_its_messages(book, room):
    """Whoever bills still needs them."""
    start(book)
    book.connectors_told("CS-1", connector("Charging"))
    room.registry.remove("CS-1", "user:anna", "scrapped")
    assert book.transactions(station="CS-1") == []
    assert len(book.messages(station="CS-1")) == 1


def test_a_strangers_message_is_not_kept(book):
    with pytest.raises(UnknownStation):
        start(book, station="CS-9")
    with pytest.raises(UnknownStation):
        book.connectors_told("CS-9", connector("Charging"))


def test_a_crowd_shares_transactions_of_the_database(book, room):
    """All are kept, none twice, and in fewer commits than messages."""
    for number in range(10, 40):
        room.add(f"CS-{number}")
    commits = []
    sql_event.listen(room.store.engine, "commit", lambda _connection: commits.append(1))
    with ThreadPoolExecutor(16) as crowd:
        numbers = list(crowd.map(lambda n: start(book, station=f"CS-{n % 30 + 10}", at=f"t{n}"), range(120)))
    assert len(set(numbers)) == 120
    assert len(book.messages(limit=1000)) == 120
    assert len(commits) < 120


def test_one_message_that_cannot_be_written_does_not_take_others_with_it(book, room, monkeypatch):
    good = Told("CS-1", V16, "StopTransaction", {"transactionId": 1}, e.ChargingTold(Phase.ENDED, "1"))
    bad = Told("CS-1", V16, "StopTransaction", {"x": {1, 2}}, e.ChargingTold(Phase.ENDED, "1"))  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        book.take(bad)
    book.take(good)
    assert len(book.messages()) == 1


def test_text_that_no_database_keeps_is_made_storable(book, room):
    payload = {"connectorId": 1, "idTag": "a\0b", "meterStart": 0, "timestamp": "x"}
    tell(book, "StartTransaction", payload)
    assert book.transactions()[0].token == "a\ufffdb"
    assert book.messages()[0].payload == payload


def test_pages_and_choices(book, room):
    numbers = []
    for minute in range(3):
        numbers.append(start(book, at=f"t{minute}"))
        room.clock.advance(minutes=1)
    assert [one.id for one in book.transactions(limit=2)] == numbers[:0:-1]
    assert [one.id for one in book.transactions(before=numbers[1])] == numbers[:1]
    first, *rest = book.messages()
    assert [one.id for one in book.messages(after=first.id)] == [one.id for one in rest]
    assert [one.id for one in book.messages(since=NOON + timedelta(minutes=2))] == [rest[-1].id]
    assert book.messages(station="CS-2") == []


def test_what_was_handed_over_is_noted_once_and_audited(book, room):
    for minute in range(3):
        start(book, at=f"t{minute}")
    ids = [one.id for one in book.messages()]
    assert book.hand_over(ids[:2], "token:billing") == 2
    assert book.hand_over(ids[:2], "token:billing") == 0
    assert [one.id for one in book.messages(only_kept_here=True)] == ids[2:]
    assert [record.details["messages"] for record in _charging_records(room)] == [2]


def test_a_duplicate_of_what_was_handed_over_is_still_a_duplicate(book, room):
    number = start(book)
    book.hand_over([one.id for one in book.messages()], "token:billing")
    assert start(book) == number
    with room.store.reading() as session:
        assert len(session.exec(select(ChargingMessageRow)).all()) == 1


def _charging_records(room: Room):
    with room.store.reading() as session:
        return room.trail.records(session, kind="charging", thing="messages", limit=10)
