"""Many rows by one statement come back as they would one by one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlmodel import Session, SQLModel, col, select

from pki.many_rows import ManyRows
from pki.store import Store
from pki.tables import IntentRow, SerialRow

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))
SERIALS = ManyRows(SerialRow, "serial", "authority", "profile", "station", "spki_sha256", "requested_by", "created_at")
INTENTS = ManyRows(
    IntentRow, "serial", "profile", "profile_hash", "to_be_signed", "not_after", "crl_shard", "created_at"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    SQLModel.metadata.create_all(store.engine)
    yield store
    store.close()


def claim(serial: str, at: datetime = NOON) -> dict[str, object]:
    named = {"authority": "stations", "profile": "station", "station": None, "spki_sha256": "k", "requested_by": "me"}
    return {"serial": serial, "created_at": at, **named}


def intent(serial: str) -> dict[str, object]:
    return {
        "serial": serial,
        "profile": "p",
        "profile_hash": "h",
        "to_be_signed": b"\x00\xff" + serial.encode(),
        "not_after": NOON,
        "crl_shard": 3,
        "created_at": NOON,
    }


def test_every_row_comes_back_in_its_own_words(store: Store) -> None:
    with store.writing() as session:
        SERIALS.add(session, [claim("01"), claim("02", NOON.astimezone(TOKYO)), claim("03", NOON + timedelta(1))])
        INTENTS.add(session, [intent("02"), intent("01")])
    with store.reading() as session:
        serials = session.exec(select(SerialRow).order_by(SerialRow.serial)).all()
        intents = session.exec(select(IntentRow).order_by(IntentRow.serial)).all()
    assert [(row.serial, row.created_at, row.station) for row in serials] == [
        ("01", NOON, None), ("02", NOON, None), ("03", NOON + timedelta(1), None)
    ]  # fmt: skip
    assert [row.to_be_signed for row in intents] == [b"\x00\xff01", b"\x00\xff02"]
    assert [row.settled for row in intents] == [None, None]


def test_no_rows_are_nothing_to_do(store: Store) -> None:
    with store.writing() as session:
        SERIALS.add(session, [])
    with store.reading() as session:
        assert session.exec(select(SerialRow)).all() == []


def test_one_bad_row_leaves_none(store: Store) -> None:
    with pytest.raises(ValueError, match="without a zone"), store.writing() as session:
        SERIALS.add(session, [claim("01"), claim("02", NOON.replace(tzinfo=None))])
    with store.reading() as session:
        assert session.exec(select(col(SerialRow.serial))).all() == []


def test_a_row_without_one_of_the_columns_is_refused(store: Store) -> None:
    with pytest.raises(KeyError), store.writing() as session:
        SERIALS.add(session, [{"serial": "01"}])


def test_databases_that_name_their_parameters_get_them_by_name() -> None:
    told: list[tuple[str, object]] = []
    engine = create_engine("sqlite://", paramstyle="named")
    SQLModel.metadata.create_all(engine)
    event.listen(engine, "before_cursor_execute", lambda *said: told.append((said[2], said[3])))
    with Session(engine) as session:
        SERIALS.add(session, [claim("01"), claim("02")])
        assert session.exec(select(col(SerialRow.serial)).order_by(SerialRow.serial)).all() == ["01", "02"]
    assert ":serial" in told[0][0]
    assert isinstance(told[0][1], list)
    assert told[0][1][1]["serial"] == "02"
