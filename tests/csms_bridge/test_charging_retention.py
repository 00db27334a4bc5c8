"""No message about charging is lost without a word."""

from datetime import timedelta

import pytest
from sqlmodel import select

from csms_bridge import charging_retention
from csms_bridge.charging_retention import WARNED_FOR, ChargingRetention
from csms_bridge.settings import BridgeSettings
from csms_bridge.tables import ChargingMessageRow
from pki.alarms import Alarms
from tests.csms_bridge.room import NOON, Room

DAY = timedelta(days=1)


class Keeper:
    """Retention over a room, with its alarms."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.alarms = Alarms(room.store, room.trail, room.clock)
        self.retention = ChargingRetention(room.store, self.alarms, BridgeSettings(), room.clock)

    def put(self, *ages: timedelta, handed_over: timedelta | None = None) -> None:
        with self.room.store.writing() as session:
            for age in ages:
                at = None if handed_over is None else NOON - handed_over
                session.add(
                    ChargingMessageRow(
                        station="CS-1", ocpp_version="1.6", action="MeterValues", payload="{}", digest=str(age),
                        received_at=NOON - age, handed_over_at=at,
                    )
                )  # fmt: skip

    @property
    def kept(self) -> int:
        with self.room.store.reading() as session:
            return len(session.exec(select(ChargingMessageRow.id)).all())

    @property
    def open_alarms(self) -> list[str]:
        return [one.sentence for one in self.alarms.page()]


@pytest.fixture
def keeper(room: Room) -> Keeper:
    return Keeper(room)


def test_what_was_handed_over_goes_when_outcomes_go(keeper):
    keeper.put(500 * DAY, 400 * DAY, handed_over=91 * DAY)
    keeper.put(300 * DAY, handed_over=89 * DAY)
    assert (keeper.retention.round(), keeper.kept) == (2, 1)
    assert keeper.open_alarms == []


def test_what_nobody_has_goes_a_week_after_an_alarm_only(keeper):
    keeper.put(500 * DAY, 401 * DAY, 399 * DAY)
    assert (keeper.retention.round(), keeper.kept) == (0, 3)
    assert "were handed over to nobody" in keeper.open_alarms[0]
    keeper.room.clock.advance(days=6)
    assert keeper.retention.round() == 0
    keeper.room.clock.now += WARNED_FOR - 6 * DAY
    assert keeper.retention.round() == 2
    assert keeper.kept == 1


def test_an_alarm_that_was_put_away_begins_anew(keeper):
    """Whoever clears it has seen it, and gets another week."""
    keeper.put(500 * DAY, DAY)
    keeper.retention.round()
    keeper.room.clock.advance(days=7)
    keeper.alarms.clear(keeper.alarms.page()[0].id, "user:anna")
    assert keeper.retention.round() == 0
    assert len(keeper.open_alarms) == 1


def test_the_alarm_ends_when_they_were_handed_over(keeper):
    keeper.put(500 * DAY, DAY)
    keeper.retention.round()
    with keeper.room.store.writing() as session:
        for row in session.exec(select(ChargingMessageRow)):
            row.handed_over_at = keeper.room.clock.now
            session.add(row)
    keeper.retention.round()
    assert keeper.open_alarms == []


def test_a_number_is_never_given_again(keeper):
    keeper.put(500 * DAY, handed_over=400 * DAY)
    assert (keeper.retention.round(), keeper.kept) == (0, 1)


def test_it_bites_off_little_at_a_time(keeper, monkeypatch):
    monkeypatch.setattr(charging_retention, "BATCH", 2)
    monkeypatch.setattr(charging_retention, "_BATCHES", 2)
    keeper.put(*(timedelta(days=500, minutes=n) for n in range(7)), handed_over=400 * DAY)
    assert [keeper.retention.round() for _ in range(3)] == [4, 2, 0]
