"""Intents that came to nothing are closed by revoking their serial number."""

from datetime import timedelta

import pytest
from cryptography import x509
from sqlmodel import select

from pki.audit import PkiAct
from pki.tables import IntentRow
from pki.unfinished import settle_unfinished
from tests.pki.conftest import Room
from tests.pki.test_issuance import PowerCut, WatchedKeys


def crash_after_signing(room: Room) -> str:
    with pytest.raises(PowerCut):
        room.rebuilt(keys=WatchedKeys(room.keys, "cut after")).issue(room.order(), "station:CS-1")
    with room.store.reading() as session:
        return session.exec(select(IntentRow.serial).where(IntentRow.settled == None)).one()  # noqa: E711


def test_somebody_may_still_be_at_work(room: Room) -> None:
    crash_after_signing(room)
    assert settle_unfinished(room.store, room.trail, room.clock.now + timedelta(minutes=9)) == []


def test_what_may_have_been_signed_is_revoked(room: Room) -> None:
    serial = crash_after_signing(room)
    room.clock.advance(timedelta(minutes=11))
    room.authority.refresh_crls()
    assert PkiAct.CERTIFICATE_ABANDONED in room.acts()
    shard = int(serial, 16) % 16
    listed = {int(serial, 16)}
    crl = x509.load_der_x509_crl(room.authority.crl("stations", shard))
    assert {entry.serial_number for entry in crl} == listed


def test_each_is_settled_once(room: Room) -> None:
    serial = crash_after_signing(room)
    later = room.clock.now + timedelta(minutes=11)
    assert settle_unfinished(room.store, room.trail, later) == [serial]
    assert settle_unfinished(room.store, room.trail, later) == []
