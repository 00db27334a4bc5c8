"""Messages that people want sent: a row each, sent at most once, kept without secrets."""

import json
from datetime import timedelta

import pytest

from csms_bridge.errors import UnknownCommand, UnknownStation
from csms_bridge.orders import SENT_FOR, Ending, Orders
from csms_bridge.redaction import HIDDEN
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.tables import CommandRow
from tests.csms_bridge.room import NOON

SECRET = {"key": "VendorPassword", "value": "s3cr3t"}


@pytest.fixture
def orders(room):
    room.add("CS-1")
    room.add("CS-2")
    return room.orders


def place(orders, station="CS-1", action="Reset", payload=None):
    return orders.place(station, action, payload or {"type": "Soft"}, "user:anna", "")


def test_a_placed_command_waits(orders):
    order = place(orders)
    assert orders.order(order.id) == order
    assert (order.state, order.answer, order.error, order.by) == ("waiting", None, "", "user:anna")
    assert (order.station, order.action, order.payload, order.created_at) == ("CS-1", "Reset", {"type": "Soft"}, NOON)


def test_a_command_for_a_stranger_is_refused(orders):
    with pytest.raises(UnknownStation):
        place(orders, "CS-9")


def test_an_unknown_command_is_an_error(orders):
    with pytest.raises(UnknownCommand) as refusal:
        orders.order(77)
    assert refusal.value.command == 77


def test_ordering_is_audited_without_secrets(orders, room):
    orders.place("CS-1", "ChangeConfiguration", SECRET, "user:anna", "forced")
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("command:ordered", "user:anna", "forced")
    assert last.details["action"] == "ChangeConfiguration"
    assert json.loads(last.details["payload"]) == {**SECRET, "value": HIDDEN}
    assert "s3cr3t" not in str(last)


def test_what_is_sent_holds_the_secret(orders):
    orders.place("CS-1", "ChangeConfiguration", SECRET, "user:anna", "")
    assert orders.claim({"CS-1"})[0].payload == SECRET


def test_what_is_secret_lies_sealed_until_it_is_sent(orders, room):
    order = orders.place("CS-1", "ChangeConfiguration", SECRET, "user:anna", "forced")
    with room.store.reading() as session:
        row = session.get(CommandRow, order.id)
    assert "s3cr3t" not in row.payload + row.sealed
    assert orders.order(order.id).payload == {**SECRET, "value": HIDDEN}
    orders.claim({"CS-1"})
    with room.store.reading() as session:
        assert session.get(CommandRow, order.id).sealed is None


def test_one_that_was_sealed_with_another_key_fails_and_keeps_no_other_waiting(orders, room):
    sealed = orders.place("CS-1", "ChangeConfiguration", SECRET, "user:anna", "forced")
    plain = place(orders)
    restored = Orders(room.store, room.trail, room.clock, PayloadSeal(bytes(32)))
    assert [order.id for order in restored.claim({"CS-1"})] == [plain.id]
    assert restored.order(sealed.id).state == "failed"


def test_each_command_is_claimed_once_by_the_node_with_the_socket(orders):
    first, _, third = place(orders), place(orders, "CS-2"), place(orders)
    assert [order.id for order in orders.claim({"CS-1"})] == [first.id, third.id]
    assert orders.claim({"CS-1"}) == []
    assert orders.order(first.id).state == "sent"
    assert orders.any_waiting()
    orders.claim({"CS-2"})
    assert not orders.any_waiting()


def test_nothing_waits_at_first(orders):
    assert not orders.any_waiting()


def test_an_answered_command_keeps_the_answer_without_secrets(orders, room):
    place(orders, payload=SECRET)
    order = orders.claim({"CS-1"})[0]
    orders.finish(order, {"configurationKey": [SECRET]})
    done = orders.order(order.id)
    assert (done.state, done.error) == ("answered", "")
    assert done.answer == {"configurationKey": [{**SECRET, "value": HIDDEN}]}
    assert done.payload == {**SECRET, "value": HIDDEN}
    last = room.records()[-1]
    assert (last.act, last.by, last.details["state"]) == ("command:answered", "station:CS-1", "answered")


def test_a_remark_on_an_answer_makes_it_no_failure(orders, room):
    place(orders)
    order = orders.claim({"CS-1"})[0]
    orders.finish(order, {"status": "Perhaps"}, "the answer breaks its schema: status: enum", Ending.ANSWERED)
    done = orders.order(order.id)
    assert (done.state, done.answer) == ("answered", {"status": "Perhaps"})
    assert done.error == "the answer breaks its schema: status: enum"
    last = room.records()[-1]
    assert (last.by, last.reason, last.details["state"]) == ("station:CS-1", done.error, "answered")


def test_a_command_without_an_answer_has_failed(orders):
    place(orders)
    order = orders.claim({"CS-1"})[0]
    orders.finish(order, None, "none came in 30 s")
    done = orders.order(order.id)
    assert (done.state, done.answer, done.error) == ("failed", None, "none came in 30 s")


def test_a_waiting_command_can_be_withdrawn_and_is_not_sent(orders):
    order = place(orders)
    assert orders.withdraw(order.id, "changed my mind").state == "failed"
    assert orders.claim({"CS-1"}) == []


def test_a_command_that_was_sent_is_left_to_its_end(orders):
    order = place(orders)
    orders.claim({"CS-1"})
    assert orders.withdraw(order.id, "too late").state == "sent"


def test_a_command_whose_process_died_is_closed_and_said_to_be_unknown(orders, room):
    """A CALL without an answer: what the station did is unknown, and nobody sends it again."""
    order = orders.claim({place(orders).station})[0]
    closed = []
    orders.subscribe(closed.append)
    room.clock.now += SENT_FOR - timedelta(seconds=1)
    assert orders.give_up_stale() == 0
    room.clock.now += timedelta(seconds=2)
    assert orders.give_up_stale() == 1
    given_up = orders.order(order.id)
    assert given_up.state == "failed"
    assert "unknown" in given_up.error
    assert [one.ending for one in closed] == [Ending.SILENT]


def test_an_answer_that_comes_after_the_end_changes_nothing(orders, room):
    order = orders.claim({place(orders).station})[0]
    room.clock.now += SENT_FOR + timedelta(seconds=1)
    orders.give_up_stale()
    given_up = orders.order(order.id)
    orders.finish(order, {"status": "Accepted"})
    assert orders.order(order.id) == given_up
