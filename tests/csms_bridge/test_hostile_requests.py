"""Bad certificate requests through SignCertificate: Rejected with a reason, on record, and never signed (A02.FR.12)."""

from datetime import timedelta

import pytest
from sqlmodel import select

from csms_bridge.enrolment import Enrolment
from csms_bridge.events import CertificateAsked
from csms_bridge.renewal.allowance import Limits
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow
from tests.csms_bridge.room import SigningRoom
from tests.pki.hostile.pieces import as_text
from tests.pki.hostile_requests import HOSTILE, TOLERATED

TLS = SecurityProfile.TLS_BASIC


@pytest.fixture
def room(signing_room: SigningRoom) -> SigningRoom:
    signing_room.add("CS-1", "SN-1", TLS)
    # How often a station may ask is another rule's business (renewal/test_allowances).
    store, trail, authority, clock = signing_room.store, signing_room.trail, signing_room.authority, signing_room.clock
    allowances = Allowances(store, trail, authority.alarms, clock, Limits(per_hour=1000, quiet=timedelta(hours=1)))
    signing_room.enrolment = Enrolment(store, trail, authority, clock, allowances=allowances)
    return signing_room


def ask(room: SigningRoom, made: str | bytes) -> tuple[bool, str]:
    asked = CertificateAsked(as_text(made), None)
    receipt = room.enrolment.ask("CS-1", asked, TLS)
    return receipt.accepted, receipt.reason


def test_every_bad_request_is_refused_at_once_and_recorded(room: SigningRoom) -> None:
    for case in HOSTILE:
        accepted, reason = ask(room, case.make())
        assert not accepted, case.name
        last = room.records()[-1]
        assert (last.act, last.reason) == ("station:certificate-ask-refused", reason), case.name
    with room.store.reading() as session:
        states = session.exec(select(CertificateAskRow.state)).all()
    assert states == ["refused"] * len(HOSTILE)
    assert room.enrolment.waiting_stations() == []
    assert room.enrolment.sign_waiting("CS-1") == []
    assert room.authority.certificates(station="CS-1") == []


def test_every_odd_request_is_taken(room: SigningRoom) -> None:
    for case in TOLERATED:
        assert ask(room, case.make()) == (True, ""), case.name


@pytest.mark.parametrize("text", ["a NUL \x00 in it", "half a surrogate \ud800"])
def test_what_no_database_can_keep_is_refused_like_any_other_text(room: SigningRoom, text: str) -> None:
    """PostgreSQL has no NUL, and UTF-8 no half surrogates. A CALLERROR would leave EVerest stuck until it restarts."""
    assert not ask(room, text)[0]
    with room.store.reading() as session:
        [kept] = session.exec(select(CertificateAskRow.csr)).all()
    assert kept.isprintable()
