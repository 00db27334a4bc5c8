"""Authorities and firmware signers of ours whose parent is elsewhere: a certificate comes back, is proved, is taken in.

What stands above it becomes known here as well, with its key elsewhere: such an authority signs nothing here, its
certificate goes into chains, and its revocation list is published when it is brought.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlmodel import Session

from pki.audit import AuditTrail, Entry, PkiAct
from pki.authority_requests import AuthorityRequest, AuthorityRequests
from pki.ceremony_plan import ROOT_POSTS
from pki.errors import ReturnedRefused
from pki.firmware_signers import signer_info
from pki.foreign_crls import SHARD, ForeignCrls, check_crl, is_signed_by, read_crl, serials_on
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Custody, Hierarchy
from pki.keys import algorithm_of, check_key_strength, spki_sha256
from pki.plans import Addresses, name_of
from pki.returned_certificate import (
    Expected,
    check_returned,
    check_returned_signer,
    path_above,
    read_certificates,
)
from pki.settings import PkiSettings
from pki.signers_taken_in import add_signer, known_signer
from pki.store import Store, hold_lock
from pki.tables import AuthorityRequestRow, AuthorityRow, CrlRow


@dataclass(frozen=True, slots=True)
class _Above:
    """An authority elsewhere: its certificate, what it is called here, and whether it was known before.

    `is_published_here` when the certificate below it says that its revocation list is found at our address.
    """

    certificate: x509.Certificate
    name: str
    is_new: bool
    is_published_here: bool


class TakingIn:
    """Takes certificates in."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        hierarchy: Hierarchy,
        requests: AuthorityRequests,
        crls: ForeignCrls,
        settings: PkiSettings,
    ) -> None:
        self._store = store
        self._trail = trail
        self._hierarchy = hierarchy
        self._requests = requests
        self._crls = crls
        self._settings = settings

    def take_in(
        self, name: str, certificate_pem: str, chain_pem: str, crls: Sequence[bytes], by: str, now: datetime
    ) -> AuthorityInfo:
        """Make the request `name` an authority, or a firmware signer. `chain_pem` leads up to the root; `crls` are
        lists of those above.

        It is active when nobody fills its post with this kind of key, else prepared. Taken in again, the same
        certificate changes nothing. Raises UnknownAuthority, ReturnedRefused, SignerUnavailable.
        """
        certificate, others = _first(read_certificates(certificate_pem), read_certificates(chain_pem))
        if known := self._taken_before(name, certificate):
            return known
        request = self._requests.find(name)
        self._requests.check_key(request)
        path = path_above(certificate, [*others, *self._known_elsewhere()])
        prove = check_returned_signer if request.is_signer else check_returned
        prove(certificate, path, self._expected(request), now)
        self._check_hierarchy(request, path)
        self._check_revocation(certificate, path, crls, now)
        above = self._named(certificate, path)
        with self._store.writing() as session:
            hold_lock(session, "ceremony")
            self._add(session, request, certificate, above, by, now)
        self._hierarchy.reload()
        for content in crls:
            self._crls.take_in(content, by, now)
        return self._taken_before(name, certificate) or self._hierarchy.info(name)

    def _expected(self, request: AuthorityRequest) -> Expected:
        return Expected(
            subject=x509.load_der_x509_csr(request.csr_der).subject,
            spki_sha256=request.spki_sha256,
            post=request.post,
            leaf_subject=name_of(self._settings.organisation, "SN"),
            hostnames=self._settings.hostnames,
        )

    def _taken_before(self, name: str, certificate: x509.Certificate) -> AuthorityInfo | None:
        der = certificate.public_bytes(Encoding.DER)
        with self._store.reading() as session:
            signer = known_signer(session, name, certificate)
        if signer is not None:
            return signer_info(signer)
        return next((info for info in self._hierarchy.all() if (info.name, info.der) == (name, der)), None)

    def _check_hierarchy(self, request: AuthorityRequest, path: Sequence[x509.Certificate]) -> None:
        """Raises ReturnedRefused when what stands above is of the other hierarchy, or its key is here after all."""
        ders = {one.public_bytes(Encoding.DER) for one in path}
        for info in self._hierarchy.all():
            if info.der in ders and info.hierarchy is not request.hierarchy:
                sentence = f"{info.name!r} is of the {info.hierarchy}'s hierarchy, and {request.name!r} is not"
                raise ReturnedRefused("wrong-hierarchy", sentence, hint="The two hierarchies stay apart.")
            if info.der in ders and info.custody is Custody.HERE:
                hint = "What it certifies is made here, without a request."
                raise ReturnedRefused("key-is-here", f"the key of {info.name!r} is here", hint=hint)

    def _known_elsewhere(self) -> list[x509.Certificate]:
        known = [info for info in self._hierarchy.all() if info.custody is Custody.ELSEWHERE]
        return [x509.load_der_x509_certificate(info.der) for info in known]

    def _check_revocation(
        self, certificate: x509.Certificate, path: Sequence[x509.Certificate], given: Sequence[bytes], now: datetime
    ) -> None:
        """Against every list at hand, brought along or taken in before. Raises ReturnedRefused."""
        names = [info.name for info in self._hierarchy.all() if info.custody is Custody.ELSEWHERE]
        brought = [read_crl(content) for content in given]
        held = [x509.load_der_x509_crl(der) for der in self._crls.lists_of(names).values()]
        for crl in brought:
            if not any(is_signed_by(crl, one) for one in path):
                raise ReturnedRefused("unknown-issuer", "a revocation list is not of an authority in the chain")
        for below, above in zip((certificate, *path), path, strict=False):
            for crl in (*brought, *held):
                if is_signed_by(crl, above) and below.serial_number in serials_on(crl):
                    sentence = f"{above.subject.rfc4514_string()} has revoked {below.subject.rfc4514_string()}"
                    raise ReturnedRefused("revoked", sentence, "RFC 5280 §6.3")
        addresses = Addresses(self._settings.public_url)
        for one in self._named(certificate, path):
            for crl in brought:
                if is_signed_by(crl, one.certificate):
                    check_crl(crl, addresses.crl(one.name, SHARD), now)

    def _named(self, certificate: x509.Certificate, path: Sequence[x509.Certificate]) -> list[_Above]:
        """The names here of those above: as they are known, else as the certificates below them point at them."""
        known = {info.der: info.name for info in self._hierarchy.all()}
        taken = set(known.values()) | self._requests.names()
        named: list[_Above] = []
        for below, above in zip((certificate, *path), path, strict=False):
            found = known.get(above.public_bytes(Encoding.DER))
            pointed_at = _pointed_at(below, self._settings.public_url)
            name = found or _free_name(pointed_at or _slug(above), taken)
            taken.add(name)
            named.append(_Above(above, name, found is None, pointed_at == name))
        return named

    def _add(
        self,
        session: Session,
        request: AuthorityRequest,
        certificate: x509.Certificate,
        above: Sequence[_Above],
        by: str,
        now: datetime,
    ) -> None:
        row = session.get(AuthorityRequestRow, request.name, with_for_update=True)
        if row is None:
            raise ReturnedRefused("taken", f"somebody else took {request.name!r} in meanwhile, or withdrew it")
        session.delete(row)
        parents = [*(one.name for one in above[1:]), None]
        new = [_row_elsewhere(one, up, request) for one, up in zip(above, parents, strict=True) if one.is_new]
        end = min(one.not_valid_after_utc for one in (certificate, *(each.certificate for each in above)))
        listed = [one.name for one in above if one.is_new and one.is_published_here]
        session.add_all([*new, *(CrlRow(authority=name, shard=SHARD) for name in listed)])
        entries = [_entry(one, by) for one in new]
        if request.is_signer:
            entries.append(add_signer(session, request, certificate, above[0].name, end, by, now))
        else:
            ours = _row(certificate, request, above[0].name, end, self._settings.crl_shards, self._status(request))
            session.add_all([ours, *(CrlRow(authority=ours.name, shard=shard) for shard in range(ours.crl_shards))])
            entries.append(_entry(ours, by))
        session.flush()
        self._trail.record_all(session, entries, now)

    def _status(self, request: AuthorityRequest) -> AuthorityStatus:
        """Active, unless its post is filled: then a roll-over activates it."""
        for info in self._hierarchy.all():
            same = (info.post, info.algorithm) == (request.post, request.algorithm)
            if same and info.status is AuthorityStatus.ACTIVE:
                return AuthorityStatus.PREPARED
        return AuthorityStatus.ACTIVE


def _first(
    given: Sequence[x509.Certificate], chain: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Some send the certificate alone, some with its chain behind it (RFC 8555 §9.1 order)."""
    if not given:
        raise ReturnedRefused("not-pem", "there is no PEM block called CERTIFICATE")
    return given[0], [*given[1:], *chain]


def _pointed_at(certificate: x509.Certificate, public_url: str) -> str | None:
    """The name in the address of the list that the certificate points at, when it is an address of ours."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return None
    ours = re.compile(re.escape(f"{public_url}/pki/crl/") + r"([a-z0-9][a-z0-9-]{0,39})/0\.crl")
    names = [str(name.value) for point in points for name in point.full_name or ()]
    return next((found[1] for name in names if (found := ours.fullmatch(name))), None)


def _slug(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    text = str(names[0].value) if names else "company"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:36] or "company"


def _free_name(wanted: str, taken: set[str]) -> str:
    if wanted not in taken:
        return wanted
    return next(name for number in range(2, 1000) if (name := f"{wanted}-{number}") not in taken)


def _row_elsewhere(one: _Above, parent: str | None, request: AuthorityRequest) -> AuthorityRow:
    is_root = parent is None
    return AuthorityRow(
        name=one.name,
        kind=(AuthorityKind.ROOT if is_root else AuthorityKind.ISSUING).value,
        hierarchy=request.hierarchy.value,
        purpose="trust" if is_root else "authorities",
        parent=parent,
        algorithm=_algorithm(one.certificate),
        key_name="",
        serial=_serial(one.certificate, is_ours=False),
        spki_sha256=spki_sha256(check_key_strength(one.certificate.public_key())),
        not_before=one.certificate.not_valid_before_utc,
        not_after=one.certificate.not_valid_after_utc,
        crl_shards=1,
        der=one.certificate.public_bytes(Encoding.DER),
        post=ROOT_POSTS[request.hierarchy] if is_root else "",
        status=AuthorityStatus.ACTIVE.value,
        custody=Custody.ELSEWHERE.value,
    )


def _row(
    certificate: x509.Certificate,
    request: AuthorityRequest,
    parent: str,
    end: datetime,
    shards: int,
    status: AuthorityStatus,
) -> AuthorityRow:
    """`end` is the earliest in the chain: what outlives a parent would be refused by everybody from then on."""
    return AuthorityRow(
        name=request.name,
        kind=AuthorityKind.ISSUING.value,
        hierarchy=request.hierarchy.value,
        purpose=request.post,
        parent=parent,
        algorithm=request.algorithm.value,
        key_name=request.key_name,
        serial=_serial(certificate, is_ours=True),
        spki_sha256=request.spki_sha256,
        not_before=certificate.not_valid_before_utc,
        not_after=end,
        crl_shards=shards,
        der=certificate.public_bytes(Encoding.DER),
        post=request.post,
        status=status.value,
    )


def _algorithm(certificate: x509.Certificate) -> str:
    return algorithm_of(check_key_strength(certificate.public_key())).value


def _serial(certificate: x509.Certificate, *, is_ours: bool) -> str:
    """Hex of even length. Others' numbers may be 1 and meet again, so theirs go with a part of the key's digest."""
    digits = f"{certificate.serial_number:x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return digits if is_ours else f"{digits}-{spki_sha256(check_key_strength(certificate.public_key()))[:8]}"


def _entry(row: AuthorityRow, by: str) -> Entry:
    details = {"serial": row.serial, "parent": row.parent or "", "custody": row.custody, "status": row.status}
    return Entry(PkiAct.AUTHORITY_TAKEN_IN, by, "authority", row.name, details=details)
