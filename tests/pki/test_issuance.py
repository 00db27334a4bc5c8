"""The order of issuing cannot be taken wrongly, and a crash anywhere leaves a record."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from sqlalchemy import func, select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.authority import Authority
from pki.errors import CsrRejected, LintFailed, MisSigned, SignerUnavailable, TokenSpent
from pki.issuance import (
    Reserved,
    Warrant,
    record_intents,
    record_outcomes,
    reserve_serials,
    sign,
)
from pki.keys import FileSigner, KeyAlgorithm, Signer, generate_key
from pki.keystore import KeyStore
from pki.orders import Decisions
from pki.revocation import RevocationReason
from pki.tables import AuditRow, CertificateRow, IntentRow, SerialRow
from tests.pki.conftest import SETTINGS, Room


class PowerCut(Exception):
    """The service stops here; nothing of ours catches it."""


class CutTrail(AuditTrail):
    """A trail that fails at one act, as a full disk or a killed process would."""

    def __init__(self, trail: AuditTrail, at: PkiAct) -> None:
        self.__dict__ = dict(trail.__dict__)
        self._at = at

    def record_all(self, session: Session, entries: Sequence[Entry], now: datetime) -> None:
        if any(entry.act is self._at for entry in entries):
            raise PowerCut
        super().record_all(session, entries, now)


class WatchedKeys(KeyStore):
    """A key store whose signers remember what they signed, and may spoil it."""

    def __init__(self, keys: KeyStore, spoil: str = "") -> None:
        self.__dict__ = dict(keys.__dict__)
        self.signed: list[bytes] = []
        self._spoil = spoil

    def signer(self, name: str) -> FileSigner:
        real = super().signer(name)
        outer = self

        class Watched(FileSigner):
            def __init__(self) -> None:
                self.__dict__ = dict(real.__dict__)

            def sign(self, to_be_signed: bytes) -> bytes:
                if outer._spoil == "down":
                    raise SignerUnavailable(name, "the machine is off")
                if outer._spoil == "cut before":
                    raise PowerCut
                outer.signed.append(to_be_signed)
                if outer._spoil == "cut after":
                    raise PowerCut
                if outer._spoil == "other bytes":
                    return real.sign(to_be_signed + b"x")
                return real.sign(to_be_signed)

        return Watched()


def count(room: Room, table: Any) -> int:
    with room.store.reading() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def intents(room: Room) -> dict[bytes, str | None]:
    with room.store.reading() as session:
        rows = session.execute(select(IntentRow)).scalars().all()
    return {row.to_be_signed: row.settled for row in rows}


def warrant(room: Room, **changes: Any) -> Warrant:
    plan = Decisions(SETTINGS, room.authority._hierarchy).decide(room.order(), room.clock.now)
    return Warrant(replace(plan, **changes), "user:admin")


def reserved(room: Room, **changes: Any) -> Reserved:
    claim = reserve_serials(room.store, room.trail, [warrant(room, **changes)], room.clock.now)[0]
    assert isinstance(claim, Reserved)
    return claim


def signer_for(room: Room, name: str = "stations") -> Signer:
    return room.keys.signer(name)


def test_the_steps_in_order_lead_to_a_recorded_certificate(room: Room) -> None:
    now = room.clock.now
    intended = record_intents(room.store, room.trail, [room.linted(reserved(room))], now)[0]
    row = record_outcomes(room.store, room.trail, [sign(intended, signer_for(room))], now)[0]
    assert room.authority.certificate(row.serial).der == row.der
    assert x509.load_der_x509_certificate(row.der).tbs_certificate_bytes == intended.to_be_signed
    acts = [PkiAct.CERTIFICATE_REQUESTED, PkiAct.CERTIFICATE_INTENDED, PkiAct.CERTIFICATE_ISSUED]
    assert [act for act in room.acts() if act != PkiAct.SHAPE_LINTED][-3:] == acts


def test_no_step_can_be_taken_twice(room: Room) -> None:
    now = room.clock.now
    claim = reserved(room)
    linted = room.linted(claim)
    with pytest.raises(TokenSpent):
        room.linted(claim)
    intended = record_intents(room.store, room.trail, [linted], now)[0]
    with pytest.raises(TokenSpent):
        record_intents(room.store, room.trail, [linted], now)
    signed = sign(intended, signer_for(room))
    with pytest.raises(TokenSpent):
        sign(intended, signer_for(room))
    record_outcomes(room.store, room.trail, [signed], now)
    with pytest.raises(TokenSpent):
        record_outcomes(room.store, room.trail, [signed], now)


def test_of_two_threads_with_one_token_one_signs(room: Room) -> None:
    intended = record_intents(room.store, room.trail, [room.linted(reserved(room))], room.clock.now)[0]
    outcomes: list[str] = []

    def try_to_sign() -> None:
        try:
            sign(intended, signer_for(room))
        except TokenSpent:
            outcomes.append("spent")
        else:
            outcomes.append("signed")

    threads = [threading.Thread(target=try_to_sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["signed"] + ["spent"] * 7


def test_what_breaks_a_clause_is_never_intended(room: Room) -> None:
    before = count(room, IntentRow)
    with pytest.raises(LintFailed) as caught:
        room.linted(reserved(room, common_name="192.0.2.1"))
    assert any("station_name_is_no_address" in finding for finding in caught.value.findings)
    assert count(room, IntentRow) == before


def test_a_batch_takes_three_transactions_and_all_or_none(room: Room) -> None:
    now = room.clock.now
    claims = reserve_serials(room.store, room.trail, [warrant(room) for _ in range(5)], now)
    intended = record_intents(room.store, room.trail, [room.linted(claim) for claim in claims], now)
    rows = record_outcomes(room.store, room.trail, [sign(i, signer_for(room)) for i in intended], now)
    assert len({row.serial for row in rows}) == 5


@pytest.mark.parametrize("key_name", ["csms", "stations-rsa"])
def test_a_signature_by_another_key_is_noticed(room: Room, key_name: str) -> None:
    intended = record_intents(room.store, room.trail, [room.linted(reserved(room))], room.clock.now)[0]
    with pytest.raises(MisSigned):
        sign(intended, signer_for(room, key_name))


def test_a_signature_over_other_bytes_is_noticed(room: Room) -> None:
    authority = room.rebuilt(keys=WatchedKeys(room.keys, "other bytes"))
    with pytest.raises(MisSigned, match="does not verify"):
        authority.issue(room.order(), "user:admin")
    assert room.acts()[-1] == PkiAct.CERTIFICATE_FAILED


CUTS: Mapping[str, dict[str, Any]] = {
    "while claiming the serial number": {"trail": PkiAct.CERTIFICATE_REQUESTED},
    "while recording the intent": {"trail": PkiAct.CERTIFICATE_INTENDED},
    "before signing": {"keys": "cut before"},
    "after signing": {"keys": "cut after"},
    "while recording the outcome": {"trail": PkiAct.CERTIFICATE_ISSUED},
}


def cut(room: Room, where: dict[str, Any]) -> tuple[Authority, WatchedKeys]:
    keys = WatchedKeys(room.keys, where.get("keys", ""))
    trail = CutTrail(room.trail, where["trail"]) if "trail" in where else room.trail
    return room.rebuilt(keys=keys, trail=trail), keys


@pytest.mark.parametrize("where", CUTS.values(), ids=CUTS.keys())
def test_a_crash_leaves_no_signature_without_a_record(room: Room, where: dict[str, Any]) -> None:
    certificates = count(room, CertificateRow)
    authority, keys = cut(room, where)
    order = room.order()
    with pytest.raises(PowerCut):
        authority.issue(order, "station:CS-1")
    assert count(room, CertificateRow) == certificates
    on_record = intents(room)
    assert all(signed in on_record for signed in keys.signed)
    with room.store.reading() as session:
        assert room.trail.verify(session) == []


@pytest.mark.parametrize("where", CUTS.values(), ids=CUTS.keys())
def test_after_a_crash_the_same_order_ends_well(room: Room, where: dict[str, Any]) -> None:
    authority, _ = cut(room, where)
    order = room.order()
    with pytest.raises(PowerCut):
        authority.issue(order, "station:CS-1")
    certificate = room.authority.issue(order, "station:CS-1")
    assert room.authority.identify(certificate.der) == certificate
    assert count(room, SerialRow) >= count(room, CertificateRow)


def test_when_the_signer_is_down_nothing_is_lost_and_the_reason_is_on_record(room: Room) -> None:
    order = room.order()
    with pytest.raises(SignerUnavailable):
        room.rebuilt(keys=WatchedKeys(room.keys, "down")).issue(order, "station:CS-1")
    with room.store.reading() as session:
        last = room.trail.records(session, newest_first=True, limit=1)[0]
    assert (last.act, last.details["fault"]) == (PkiAct.CERTIFICATE_FAILED, "SignerUnavailable")
    assert room.authority.issue(order, "station:CS-1")


def test_an_intent_given_up_meanwhile_is_not_issued_any_more(room: Room) -> None:
    """Somebody slept longer than the sweeper's patience between signing and recording."""
    intended = record_intents(room.store, room.trail, [room.linted(reserved(room))], room.clock.now)[0]
    signed = sign(intended, signer_for(room))
    room.clock.advance(timedelta(minutes=11))
    room.authority.refresh_crls()
    with pytest.raises(MisSigned, match="given up"):
        record_outcomes(room.store, room.trail, [signed], room.clock.now)
    assert room.authority.identify(signed.der) is None


def test_a_key_of_another_station_is_refused_and_raises_an_alarm(room: Room) -> None:
    """A00.FR.427; a copied key is how one finds a cloned station."""
    key = generate_key(KeyAlgorithm.EC_P256)
    room.issue(key, "SN-1", "CS-1")
    with pytest.raises(CsrRejected) as caught:
        room.issue(key, "SN-2", "CS-2")
    assert caught.value.code == "key-used-elsewhere"
    assert "CS-1" in caught.value.sentence
    assert room.acts()[-1] == PkiAct.KEY_USED_ELSEWHERE


def test_the_same_station_may_keep_its_key(room: Room) -> None:
    key = generate_key(KeyAlgorithm.EC_P256)
    assert room.issue(key).serial != room.issue(key).serial


def test_of_two_stations_with_one_key_at_the_same_moment_one_is_certified(room: Room) -> None:
    key = generate_key(KeyAlgorithm.EC_P256)
    orders = [room.order(key, f"SN-{n}", f"CS-{n}") for n in range(4)]
    outcomes: list[str] = []

    def issue(order: Any) -> None:
        try:
            room.authority.issue(order, "user:admin")
        except CsrRejected as refused:
            outcomes.append(refused.code)
        else:
            outcomes.append("issued")

    threads = [threading.Thread(target=issue, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["issued"] + ["key-used-elsewhere"] * 3


def test_our_own_keys_are_refused(room: Room) -> None:
    for name, code in (("root", "key-of-an-authority"), ("stations", "key-of-an-authority")):
        with pytest.raises(CsrRejected) as caught:
            room.issue(room.keys.signer(name)._key)
        assert caught.value.code == code
    responder = next(path.stem for path in (room.folder / "keys").glob("ocsp-*.key"))
    with pytest.raises(CsrRejected) as caught:
        room.issue(room.keys.signer(responder)._key)
    assert caught.value.code == "key-used-elsewhere"


def test_a_compromised_key_is_refused(room: Room) -> None:
    key = generate_key(KeyAlgorithm.EC_P256)
    room.authority.revoke(room.issue(key).serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    with pytest.raises(CsrRejected) as caught:
        room.issue(key)
    assert caught.value.code == "key-compromised"


def test_the_intent_names_the_bytes_and_the_profile(room: Room) -> None:
    certificate = room.issue()
    with room.store.reading() as session:
        intent = session.get_one(IntentRow, certificate.serial)
        ours = col(AuditRow.thing) == certificate.serial
        records = session.execute(select(AuditRow).where(ours).order_by(col(AuditRow.id))).scalars().all()
    assert hashlib.sha256(intent.to_be_signed).hexdigest() in records[1].details
    assert intent.profile_hash in records[1].details
    assert intent.settled == "issued"


def test_asn1crypto_reads_the_same_certificate(room: Room) -> None:
    certificate = room.issue()
    opinion = asn1_x509.Certificate.load(certificate.der, strict=True)
    assert f"{opinion.serial_number:x}" == certificate.serial
    assert opinion.subject.native == {"organization_name": "Acme Charging", "common_name": "SN-1"}
    assert opinion.key_usage_value.native == {"digital_signature", "key_agreement"}
    assert opinion.extended_key_usage_value is None
    assert opinion.subject_alt_name_value is None
    assert opinion.ocsp_urls == ["http://pki.example/pki/ocsp"]
