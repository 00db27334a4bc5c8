"""Requests for issuing authorities and firmware signers of ours whose parent is elsewhere: offline, or a company's.

The key is made and stays here; what travels is a PKCS#10 request (RFC 2986). Until the certificate comes back the
authority is pending: it has a key and a name, and issues nothing. A firmware signer (post `firmware`) is asked for once
more while the one before still signs; its key has a name of its own.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import csr, x509
from asn1crypto.keys import PublicKeyInfo
from asn1crypto.pem import armor
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.ceremony_plan import ISSUING_POSTS
from pki.errors import OrderRefused, SignerUnavailable, UnknownAuthority
from pki.firmware_signers import SLOTS, title_of
from pki.hierarchy import Hierarchy, HierarchyName
from pki.keys import KeyAlgorithm, Signer, assemble, spki_of, spki_sha256
from pki.plans import name_of
from pki.profiles import FIRMWARE
from pki.settings import PkiSettings
from pki.store import Store, hold_lock
from pki.tables import AuthorityRequestRow, AuthorityRow
from pki.vault import Vault

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TITLES = {"stations": "Station Authority", "csms": "CSMS Authority"}
_POSTS = (*ISSUING_POSTS, FIRMWARE)
# Stations check these (L01.FR.04); a P-384 key in KMS makes no signature over SHA-256.
_SIGNER_KEYS = (KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096)
_AUTHORITY_WISHES = (
    {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": True, "path_len_constraint": 0}},
    {"extn_id": "key_usage", "critical": True, "extn_value": {"key_cert_sign", "crl_sign"}},
)
_SIGNER_WISHES = (
    {"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature"}},
    {"extn_id": "extended_key_usage", "critical": False, "extn_value": ["code_signing"]},
)


@dataclass(frozen=True, slots=True)
class AuthorityRequest:
    """A request that waits for its certificate. `csr_pem` is what the parent needs; digests are hex."""

    name: str
    post: str
    hierarchy: HierarchyName
    algorithm: KeyAlgorithm
    key_name: str
    subject: str
    spki_sha256: str
    csr_pem: str
    csr_der: bytes
    requested_by: str
    requested_at: datetime

    @property
    def is_signer(self) -> bool:
        """Whether it asks for a firmware signer, which certifies nothing."""
        return self.post == FIRMWARE


class AuthorityRequests:
    """Makes, finds and withdraws requests."""

    def __init__(
        self, store: Store, keys: Vault, trail: AuditTrail, hierarchy: Hierarchy, settings: PkiSettings
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._hierarchy = hierarchy
        self._settings = settings

    def make(
        self, name: str, post: str, algorithm: KeyAlgorithm, by: str, now: datetime, common_name: str | None = None
    ) -> AuthorityRequest:
        """A key of our own and the request for it; the same one when asked again with the same words.

        Raises OrderRefused, SignerUnavailable.
        """
        self._check(name, post, algorithm, common_name)
        if found := self._find(name):
            return _same(found, post, algorithm, common_name)
        key_name = f"{name}-{secrets.token_hex(8)}" if post == FIRMWARE else name
        signer = self._signer(key_name, algorithm)
        chosen = common_name or _title(post, signer)
        row = AuthorityRequestRow(
            name=name,
            post=post,
            hierarchy=(HierarchyName.MANUFACTURER if post == FIRMWARE else HierarchyName.OPERATOR).value,
            algorithm=algorithm.value,
            key_name=key_name,
            spki_sha256=spki_sha256(signer.public_key),
            csr=build_request(
                self._settings.organisation, chosen, signer, _SIGNER_WISHES if post == FIRMWARE else _AUTHORITY_WISHES
            ),
            requested_by=by,
            requested_at=now,
        )
        with self._store.writing() as session:
            hold_lock(session, "ceremony")
            _refuse_taken(session, name)
            session.add(row)
            session.flush()
            details = {"post": post, "algorithm": algorithm.value, "spki_sha256": row.spki_sha256}
            self._trail.record_all(session, [_entry(PkiAct.AUTHORITY_REQUESTED, name, by, **details)], now)
        return _request_of(row)

    def all(self) -> list[AuthorityRequest]:
        """What waits, by name."""
        with self._store.reading() as session:
            rows = session.execute(select(AuthorityRequestRow).order_by(col(AuthorityRequestRow.name))).scalars()
            return [_request_of(row) for row in rows]

    def names(self) -> frozenset[str]:
        """The names that are taken by what waits."""
        return frozenset(one.name for one in self.all())

    def find(self, name: str) -> AuthorityRequest:
        """Raises UnknownAuthority."""
        if found := self._find(name):
            return found
        raise UnknownAuthority(name, f"no request of the name {name!r} waits for its certificate")

    def withdraw(self, name: str, by: str, now: datetime) -> None:
        """Give a request up and delete its key. Raises UnknownAuthority."""
        # The key goes first: a key that outlived its request would be taken for that of a ceremony broken off.
        self._keys.forget(self.find(name).key_name)
        with self._store.writing() as session:
            row = session.get(AuthorityRequestRow, name)
            if row is None:
                raise UnknownAuthority(name, f"no request of the name {name!r} waits for its certificate")
            session.delete(row)
            session.flush()
            entry = _entry(PkiAct.AUTHORITY_REQUEST_WITHDRAWN, name, by, spki_sha256=row.spki_sha256)
            self._trail.record_all(session, [entry], now)

    def check_key(self, request: AuthorityRequest) -> None:
        """Whether the key is still there. Raises SignerUnavailable."""
        if not self._keys.holds(request.key_name):
            raise SignerUnavailable(request.key_name, "it was deleted; withdraw the request and make another")

    def _check(self, name: str, post: str, algorithm: KeyAlgorithm, common_name: str | None) -> None:
        if post not in _POSTS:
            raise OrderRefused("post", f"there is no post {post!r}", f"Choose {', '.join(_POSTS)}.")
        if post == FIRMWARE:
            _check_signer(name, algorithm)
        elif not _NAME.fullmatch(name) or name in SLOTS.values():
            sentence = "the name of an authority has 1 to 40 small letters, digits and hyphens"
            raise OrderRefused("name", sentence, "`firmware` and `firmware-rsa` are the names of signers.")
        if algorithm is KeyAlgorithm.RSA_2048:
            raise OrderRefused("algorithm", "2048 bits are too few for a key that signs for years")
        if common_name is not None and not (common_name.strip() == common_name and common_name.isprintable()):
            raise OrderRefused("common_name", "the common name must be printable text without blanks at its ends")
        if common_name is not None and not 0 < len(common_name) <= 64:
            raise OrderRefused("common_name", "the common name must have 1 to 64 characters (X.520)")
        if any(info.name == name for info in self._hierarchy.all()):
            raise OrderRefused("name", f"there is an authority {name!r} already")

    def _find(self, name: str) -> AuthorityRequest | None:
        with self._store.reading() as session:
            row = session.get(AuthorityRequestRow, name)
        return _request_of(row) if row is not None else None

    def _signer(self, name: str, algorithm: KeyAlgorithm) -> Signer:
        """The key of a request that was broken off, or a new one."""
        if not self._keys.holds(name):
            return self._keys.make_signer(name, algorithm)
        signer = self._keys.signer(name)
        if signer.algorithm is not algorithm:
            raise SignerUnavailable(name, f"it is {signer.algorithm}, the request is for {algorithm}")
        return signer


def _check_signer(name: str, algorithm: KeyAlgorithm) -> None:
    if name != SLOTS[algorithm.family]:
        sentence = f"the firmware signer with an {algorithm.family.upper()} key is called {SLOTS[algorithm.family]!r}"
        raise OrderRefused("name", sentence)
    if algorithm not in _SIGNER_KEYS:
        raise OrderRefused("algorithm", f"a firmware signer's key is {', '.join(_SIGNER_KEYS)}")


def _title(post: str, signer: Signer) -> str:
    family = signer.algorithm.family
    if post == FIRMWARE:
        return title_of(family)
    return f"{_TITLES[post]} {family.upper()} {spki_sha256(signer.public_key)[:8]}"


def build_request(
    organisation: str, common_name: str, signer: Signer, wanted: Sequence[object] = _AUTHORITY_WISHES
) -> bytes:
    """PKCS#10 in DER, asking for the extensions `wanted` (in asn1crypto's words). Raises SignerUnavailable."""
    information = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": x509.Name.load(name_of(organisation, common_name).public_bytes()),
            "subject_pk_info": PublicKeyInfo.load(spki_of(signer.public_key)),
            "attributes": [{"type": "extension_request", "values": [list(wanted)]}],
        }
    )
    to_be_signed: bytes = information.dump()
    return assemble(to_be_signed, signer.algorithm, signer.sign(to_be_signed))


def _refuse_taken(session: Session, name: str) -> None:
    if session.get(AuthorityRow, name) is not None or session.get(AuthorityRequestRow, name) is not None:
        raise OrderRefused("name", f"somebody else took the name {name!r} meanwhile")


def _same(found: AuthorityRequest, post: str, algorithm: KeyAlgorithm, common_name: str | None) -> AuthorityRequest:
    subject = csr.CertificationRequest.load(found.csr_der)["certification_request_info"]["subject"].native
    other_name = common_name is not None and subject["common_name"] != common_name
    if (found.post, found.algorithm) != (post, algorithm) or other_name:
        hint = f"Withdraw it first: voltward ca request {found.name} --withdraw"
        raise OrderRefused("name", f"another request of the name {found.name!r} waits for its certificate", hint)
    return found


def _request_of(row: AuthorityRequestRow) -> AuthorityRequest:
    subject = csr.CertificationRequest.load(row.csr)["certification_request_info"]["subject"].native
    return AuthorityRequest(
        name=row.name,
        post=row.post,
        hierarchy=HierarchyName(row.hierarchy),
        algorithm=KeyAlgorithm(row.algorithm),
        key_name=row.key_name,
        subject=f"CN={subject['common_name']},O={subject['organization_name']}",
        spki_sha256=row.spki_sha256,
        csr_pem=armor("CERTIFICATE REQUEST", row.csr).decode(),
        csr_der=row.csr,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
    )


def _entry(act: PkiAct, name: str, by: str, **details: str) -> Entry:
    return Entry(act, by, "authority", name, details=details)
