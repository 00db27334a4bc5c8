"""The door of the authority: pages, REST routes, commands and OCPP handlers all come in here."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from pki.alarms import AlarmKind, Alarms, Severity
from pki.anchor_use import AnchorUse
from pki.anchors import Anchors
from pki.audit import AuditTrail, PkiAct
from pki.audit_verifier import Verdict, verify_trail
from pki.blocked_keys import BlockedKey, BlockedKeys
from pki.ceremony import Ceremony
from pki.ceremony_preview import CeremonyPreview
from pki.ceremony_records import CeremonyRecord, CeremonyRecords
from pki.certificate_search import CertificateFilter, CertificateSearch
from pki.certificates import Certificate, Certificates, CertificateState, certificate_of
from pki.chain_choices import ChainChoices
from pki.checkpoint import Checkpoint
from pki.checkpoint_file import CheckpointFile
from pki.checkpoints import Checkpoints, Notary
from pki.clock import Clock, utc_now
from pki.credentials import Credential, Credentials, ServerCredential, Slot
from pki.crl import CrlPublisher, PublishedCrl
from pki.crl_status import CrlStatus
from pki.crl_watch import CrlWatch
from pki.cross_certificates import CrossCertificate, CrossCertificates
from pki.csr import CertificateRequest, read_request
from pki.default_hierarchy import DEFAULT_HIERARCHY
from pki.elsewhere import Elsewhere
from pki.errors import (
    CsrRejected,
    IssuerEndsTooSoon,
    OrderRefused,
    PkiError,
    PostVacant,
    RenewalRefused,
    UnknownAuthority,
)
from pki.expiry_warnings import ExpiryWarnings
from pki.firmware import FirmwareDesk, FirmwareOrder, SignedFirmware, Signing
from pki.firmware_bundle import Bundle
from pki.firmware_bundles import make_bundle
from pki.firmware_log import FirmwareLog
from pki.firmware_rules import FirmwareRules
from pki.firmware_signers import SLOTS, FirmwareSigners
from pki.firmware_stamps import FirmwareStamps
from pki.forecast import Forecast, Forecasts
from pki.full_lint import full_lint
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Custody, Hierarchy, HierarchyName
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.key_places import KeyPlace, key_places
from pki.key_proofs import KeyProof, prove_keys
from pki.key_review import KeyReview
from pki.key_rights import why_not_free
from pki.keys import KeyAlgorithm, KeyFamily, SignatureScheme, spki_of
from pki.keystore import KeyStore
from pki.log_heads import LogSigner
from pki.ocsp import OcspResponder, StatusAnswer
from pki.ocsp_cache import OcspCache
from pki.ocsp_encoding import Responder
from pki.orders import Decisions, Order
from pki.patience import PatientVault
from pki.plans import Plan
from pki.profiles import AUDIT, FIRMWARE, RESPONDER, SERVER
from pki.relint import Relint, RelintProgress
from pki.revocation import RevocationReason, RevocationReport, Revocations
from pki.rollover import Rollovers
from pki.settings import PkiSettings
from pki.shapes import LintedShape, ShapeBook
from pki.signer_watch import SignerWatch
from pki.status_changes import StatusChanges
from pki.store import Store
from pki.timestamps import Stamper, Stamps
from pki.unfinished import settle_unfinished
from pki.vault import Vault

__all__ = [
    "Authority",
    "AuthorityInfo",
    "Certificate",
    "CertificateFilter",
    "CertificateRequest",
    "CertificateState",
    "FirmwareOrder",
    "Order",
    "RevocationReason",
    "RevocationReport",
    "ServerCredential",
    "SignatureScheme",
    "SignedFirmware",
]

# Small keys where a handshake or an answer should be fast and the life is days: RSA-2048 and P-256.
_LEAF_ALGORITHM = {KeyFamily.EC: KeyAlgorithm.EC_P256, KeyFamily.RSA: KeyAlgorithm.RSA_2048}
_OCSP_SLOT = "ocsp-"

_REFUSALS = (CsrRejected, OrderRefused, IssuerEndsTooSoon, PostVacant, UnknownAuthority)

# A key where it has no business is how one finds a cloned or a broken-into station.
_ALARMING = {
    "key-used-elsewhere": AlarmKind.KEY_USED_ELSEWHERE,
    "key-of-an-authority": AlarmKind.KEY_USED_ELSEWHERE,
    "key-blocked": AlarmKind.BLOCKED_KEY,
    "key-compromised": AlarmKind.BLOCKED_KEY,
}


class Authority:
    """Issue, revoke, publish, sign firmware. Safe to use from several threads and processes.

    `by` names who acts: `user:admin`, `token:ci`, `station:CS-1`, `service` or `operator`.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyStore,
        trail: AuditTrail,
        settings: PkiSettings,
        clock: Clock = utc_now,
        vault: Vault | None = None,
        checkpoint_file: Path | None = None,
        stamper: Stamper | None = None,
    ) -> None:
        """`keys` has the node's own keys and secrets; the authorities' keys are in `vault`, or there as well."""
        self.settings = settings
        self.trail = trail
        self.alarms = Alarms(store, trail, clock)
        self.anchors = Anchors(store, trail, clock)
        self._blocked_keys = BlockedKeys(store, trail)
        self._store = store
        self._signer_watch = SignerWatch(self.alarms, lambda key: self._keys.check(key), self._key_names)
        self._keys = PatientVault(vault or keys, settings.signer_wait, self._signer_watch.heard)
        self._clock = clock
        self._shapes = ShapeBook(store, trail)
        self._relint = Relint(store, self.alarms)
        self.key_review = KeyReview(store, self.alarms, self._blocked_keys, clock)
        self._desk = IssuingDesk(store, self._keys, trail, self._shapes, self.alarms)
        self._hierarchy = Hierarchy(store)
        self.chains = ChainChoices(store, trail, self._hierarchy, settings, clock)
        self._decisions = Decisions(settings, self._hierarchy, self.chains.wished_length)
        self._crosses = CrossCertificates(store, trail, self._desk, self._hierarchy, settings)
        self._credentials = Credentials(store, keys, self._keys, trail, self._desk, self._hierarchy, settings)
        self._signers = FirmwareSigners(self._credentials, self._hierarchy, self._decisions.profiles[FIRMWARE])
        self.elsewhere = Elsewhere(store, self._keys, trail, self._desk, self._hierarchy, self.alarms, settings, clock)
        self._ceremony = Ceremony(
            store, self._keys, trail, self._desk, self._hierarchy, settings, self._crosses, self.elsewhere.pending_names
        )
        self.rollovers = Rollovers(store, self._keys, trail, self._hierarchy, self._ceremony, clock)
        self._certificates = Certificates(store, self.chains.above)
        self._search = CertificateSearch(store, self.chains.above)
        self._forecasts = Forecasts(store)
        self._expiry_warnings = ExpiryWarnings(self.alarms, self._forecasts, settings.station_validity)
        self._revocations = Revocations(store, trail)
        self._crls = CrlPublisher(store, self._keys, trail, self._hierarchy, settings)
        self._crl_watch = CrlWatch(self._crls, self.alarms)
        notary = Notary(self._credentials, self._audit_slot, self._above_audit)
        self.stamps = Stamps(store, self.alarms, stamper)
        self.checkpoints = Checkpoints(
            store, trail, notary, self.alarms, CheckpointFile(checkpoint_file) if checkpoint_file else None
        )
        self.firmware_log = FirmwareLog(store, LogSigner(keys.secret("firmware log 1")))
        self._firmware_stamps = FirmwareStamps(store, self.alarms, stamper)
        self.firmware_rules = FirmwareRules(store, trail, clock)
        signing = Signing(
            self._credentials, self._signers.current, self._firmware_roots, self.firmware_log, self._firmware_stamps
        )
        self._firmware = FirmwareDesk(store, trail, signing, self.firmware_rules, settings)
        self.firmware_book = self._firmware.book
        responder = OcspResponder(store, self._here, self._responder, settings.ocsp_validity)
        self._ocsp = OcspCache(responder, StatusChanges(store), settings.ocsp_cache_size)
        self._revocations.watch(self._ocsp.drop_serials)

    # --- the hierarchy

    def establish(self, by: str, hierarchy: str = DEFAULT_HIERARCHY) -> CeremonyRecord | None:
        """Make a hierarchy (a ceremony file), our firmware signers and the issuing authorities' OCSP responders.

        All authorities appear at once or not at all. What exists already is left as it is. Raises CeremonyRefused.
        """
        record = self.hold_ceremony(hierarchy, by)
        now = self._clock()
        for _, slot in self._slots(self._signers.slot):
            self._credentials.current(slot, now, by)
        for info in self._hierarchy.all():
            if info.kind is AuthorityKind.ISSUING and info.post and info.custody is Custody.HERE:
                self._responder(info.name, now)
        return record

    def preview_ceremony(self, text: str) -> CeremonyPreview:
        """What holding the ceremony of a file (TOML) would do now. Raises CeremonyRefused."""
        return self._ceremony.preview(self._ceremony.read(text), self._clock())

    def hold_ceremony(self, text: str, by: str, agreed: str | None = None) -> CeremonyRecord | None:
        """Make what is missing of a ceremony file (TOML), all or nothing; None when there is nothing to do.

        `agreed` is the `agreement` of the preview that somebody looked at. Raises CeremonyRefused, SignerUnavailable.
        """
        return self._ceremony.hold(self._ceremony.read(text), by, self._clock(), agreed)

    def ceremonies(self) -> list[CeremonyRecord]:
        """The signed records of ceremonies, the newest first."""
        return CeremonyRecords(self._store).all()

    def ceremony(self, ceremony_id: str) -> CeremonyRecord:
        """One of these records. Raises UnknownCeremony."""
        return CeremonyRecords(self._store).find(ceremony_id)

    def issuer_for(self, post: str, family: KeyFamily) -> AuthorityInfo:
        """The authority that issues for a post and a kind of key now. Raises PostVacant."""
        return self._hierarchy.info(self._hierarchy.issuer_for(post, family).name)

    def authorities(self) -> list[AuthorityInfo]:
        """Roots, issuing authorities and firmware signers."""
        return self._hierarchy.all() + self._signers.infos()

    def authority(self, name: str) -> AuthorityInfo:
        """Raises UnknownAuthority."""
        for info in self.authorities():
            if info.name == name:
                return info
        raise UnknownAuthority(name)

    def chain_pem(self, name: str) -> str:
        """The authority's certificate and those above it, with the root last. Raises UnknownAuthority."""
        info = self.authority(name)
        above = self.chain_pem(info.parent) if info.parent else ""
        return info.certificate_pem + above

    def key_places(self) -> list[KeyPlace]:
        """Where each authority's key is, and whether it makes a good test signature now."""
        return key_places(self._hierarchy, self._keys.where, self._keys.check)

    def watch_signers(self) -> None:
        """To be called every few seconds: raises and settles the alarms about keys that cannot sign."""
        self._signer_watch.round()

    def cross_certify(
        self, authority: str, issuer: str, by: str, validity: timedelta | None = None
    ) -> CrossCertificate:
        """Have `issuer` certify the key of `authority` (RFC 5280 §3.2). Raises UnknownAuthority, CrossRefused."""
        return self._crosses.make(authority, issuer, by, self._clock(), validity)

    def cross_certificates(self) -> list[CrossCertificate]:
        """All of them, the newest first."""
        return self._crosses.all(self._clock())

    def is_active(self, name: str) -> bool:
        """Whether this authority issues what is new. Raises UnknownAuthority."""
        return self._hierarchy.info(name).status is AuthorityStatus.ACTIVE

    def would_issue_again(self, order: Order, certificate: Certificate) -> bool:
        """Whether an order would lead to the same issuer that a certificate has, or to one as good.

        No longer so when that one retires, or when the order asks for another hierarchy. Raises UnknownAuthority.
        """
        info = self._hierarchy.info(certificate.authority)
        family = order.issuer_family or info.algorithm.family
        return info.status is AuthorityStatus.ACTIVE and info.algorithm.family is family

    def is_retired(self, name: str) -> bool:
        """Whether what this authority issued counts no more. Raises UnknownAuthority."""
        return self._hierarchy.info(name).status is AuthorityStatus.RETIRED

    def trust_anchors(self) -> list[x509.Certificate]:
        """What a client's chain is checked against: the operator's authorities and the bootstrap anchors."""
        trusted = [info for info in self._hierarchy.all() if info.hierarchy is HierarchyName.OPERATOR]
        ours = [info.der for info in trusted if info.status is not AuthorityStatus.RETIRED]
        return [
            x509.load_der_x509_certificate(der)
            for der in (*ours, *(one.der for one in self.anchors.all(AnchorUse.FIRST_CONTACT)))
        ]

    def operator_root(self, algorithm_family: str = KeyFamily.EC) -> AuthorityInfo:
        """The operator's root above our servers, for stations of this key family. Raises PostVacant."""
        post = self._decisions.profiles[SERVER].post
        return self._hierarchy.root_of(self._hierarchy.issuer_for(post, KeyFamily(algorithm_family)).name)

    def roots_of_servers(self, family: KeyFamily) -> frozenset[str]:
        """The roots that our server certificate of this family leads to: two while one retires. Raises PostVacant."""
        post = self._decisions.profiles[SERVER].post
        issuer = self._hierarchy.issuer_for(post, family).name
        return frozenset({self._hierarchy.root_of(issuer).name, self.chains.for_servers(issuer).root})

    def roots_of_station(self, certificate: Certificate) -> frozenset[str]:
        """The roots that a station's certificate stands under: its issuer's own, and where its chain ends."""
        return frozenset({self._hierarchy.root_of(certificate.authority).name, certificate.root})

    # --- certificates

    def read_request(self, text_or_bytes: str | bytes) -> CertificateRequest:
        """A certificate request in PEM or DER. Raises CsrRejected."""
        return read_request(text_or_bytes)

    def check(self, order: Order, by: str) -> None:
        """Whether an order would be carried out now; a refusal is recorded as `issue` records it.

        Raises CsrRejected, OrderRefused, IssuerEndsTooSoon.
        """
        if (refusal := self.check_each([(order, by)])[0]) is not None:
            raise refusal

    def check_each(self, asked: Sequence[tuple[Order, str]]) -> list[PkiError | None]:
        """For each order, with who asks, what `check` would raise, or None."""
        now = self._clock()
        plans: dict[int, Plan] = {}
        outcomes: dict[int, PkiError | None] = {}
        for number, (order, _) in enumerate(asked):
            try:
                plans[number] = self._decisions.decide(order, now)
            except _REFUSALS as refusal:
                outcomes[number] = refusal
        with self._store.reading() as session:
            outcomes |= zip(plans, why_not_free(session, list(plans.values())), strict=True)
        for number, outcome in outcomes.items():
            if outcome is not None:
                self._record_refusal(asked[number][0], outcome, asked[number][1], now)
        return [outcomes[number] for number in range(len(asked))]

    def issue(self, order: Order, by: str) -> Certificate:
        """A new certificate, recorded before anybody gets it.

        Raises CsrRejected, OrderRefused, LintFailed, IssuerEndsTooSoon, SignerUnavailable, MisSigned; MadeAlready and
        RequestAtWork for an order that is to be carried out once.
        """
        now = self._clock()
        try:
            plan = self._decisions.decide(order, now)
            warrant = Warrant(plan, by, self._decisions.observations(order), order.once)
            row = self._desk.issue([warrant], now)[0]
        except _REFUSALS as refusal:
            self._record_refusal(order, refusal, by, now)
            raise
        return self._fresh(row, now)

    def issue_each(self, orders: Sequence[Order], by: str) -> list[Certificate | PkiError]:
        """Many orders of one in few transactions; see `issue_for_each`."""
        return self.issue_for_each([(order, by) for order in orders])

    def issue_for_each(self, asked: Sequence[tuple[Order, str]]) -> list[Certificate | PkiError]:
        """Many orders, each with who asks; for each its certificate, or what `issue` would have raised."""
        now = self._clock()
        outcomes: dict[int, Certificate | PkiError] = {}
        warrants: dict[int, Warrant] = {}
        for number, (order, by) in enumerate(asked):
            try:
                plan = self._decisions.decide(order, now)
                warrants[number] = Warrant(plan, by, self._decisions.observations(order), order.once)
            except _REFUSALS as refusal:
                outcomes[number] = refusal
        for number, made in zip(warrants, self._desk.issue_each(list(warrants.values()), now), strict=True):
            outcomes[number] = made if isinstance(made, PkiError) else self._fresh(made, now)
        for number, outcome in outcomes.items():
            if isinstance(outcome, _REFUSALS):
                self._record_refusal(asked[number][0], outcome, asked[number][1], now)
        return [outcomes[number] for number in range(len(asked))]

    def lint(self, serial: str) -> tuple[str, ...]:
        """What the full linter says of a certificate, as sentences. Raises UnknownCertificate."""
        return full_lint(self.certificate(serial).der)

    def linted_shapes(self) -> Sequence[LintedShape]:
        """The shapes of certificates that the full linter has passed, the newest first."""
        return self._shapes.all()

    def relint(self, most: int = 100) -> int:
        """To be called every few seconds: lint in full what was issued since; how many it were."""
        return self._relint.round(most)

    def relinted(self) -> RelintProgress:
        """How far that is."""
        return self._relint.progress()

    def certificate(self, serial: str) -> Certificate:
        """Raises UnknownCertificate."""
        return self._certificates.by_serial(serial, self._clock())

    def certificates(
        self,
        *,
        station: str | None = None,
        state: CertificateState | None = None,
        authority: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Certificate]:
        """As `search_certificates`, for what is asked most."""
        wanted = CertificateFilter(station=station, state=state, authority=authority)
        return self.search_certificates(wanted, after=after, limit=limit)

    def search_certificates(
        self, wanted: CertificateFilter, *, after: str | None = None, limit: int = 100
    ) -> list[Certificate]:
        """In the order of `pki/certificate_search.py`; `after` is the last serial number of the page before.

        Raises UnknownCertificate when `after` names none.
        """
        return self._search.page(wanted, self._clock(), after, limit)

    def forecast(self, weeks: int = 26, at_most_old: timedelta = timedelta(minutes=1)) -> Forecast:
        """What ends when, from this ISO week on; it may be that old."""
        return self._forecasts.forecast(weeks, self._clock(), at_most_old)

    def prune(self) -> int:
        """To be called every now and then: deletes cleared alarms that are old enough; how many."""
        return self.alarms.forget_cleared(self._clock() - self.settings.keep_alarms)

    def warn_of_endings(self) -> None:
        """To be called every few minutes: raises and settles alarms about what ends soon."""
        self._expiry_warnings.round(self._clock())

    def identify(self, der: bytes) -> Certificate | None:
        """The record of a presented certificate; None when we did not issue it, octet by octet."""
        return self.identify_each([der])[0]

    def identify_each(self, ders: Sequence[bytes]) -> list[Certificate | None]:
        """The same for many, in their order."""
        fingerprints = [hashlib.sha256(der).hexdigest() for der in ders]
        found = self._certificates.by_sha256(fingerprints, self._clock()) if ders else {}
        return [found.get(one) for one in fingerprints]

    # --- revocation

    def revoke(self, serial: str, reason: RevocationReason, by: str, note: str = "") -> Certificate:
        """Revoke, or hold with `certificateHold`. Raises UnknownCertificate, AlreadyRevoked, RevocationRefused."""
        self._revocations.revoke(serial, reason, by, note, self._clock())
        return self.certificate(serial)

    def release(self, serial: str, by: str, note: str = "") -> Certificate:
        """Take a certificate off hold. Raises UnknownCertificate, NotHeld."""
        self._revocations.release(serial, by, note, self._clock())
        return self.certificate(serial)

    def revoke_each(
        self, serials: Sequence[str], reason: RevocationReason, by: str, note: str = "", *, dry_run: bool = False
    ) -> RevocationReport:
        """Revoke many; with `dry_run` only say what would happen. Raises RevocationRefused for a root."""
        if dry_run:
            return self._revocations.plan(serials)
        return self._revocations.revoke_each(serials, reason, by, note, self._clock())

    def serials_of_station(self, station: str) -> list[str]:
        """The serial numbers of a station's certificates that are neither revoked nor expired."""
        return self._certificates.open_serials(station, self._clock())

    def certificates_by_serial(self, serials: Sequence[str]) -> dict[str, Certificate]:
        """Many certificates by their serial numbers; unfinished and unknown ones are left out."""
        return self._certificates.by_serials(serials, self._clock()) if serials else {}

    def certified_keys(self, spki_sha256: Sequence[str]) -> set[str]:
        """Those of these keys (SHA-256 of SubjectPublicKeyInfo, hex) that have a certificate, in whatever state."""
        return self._certificates.known_keys(spki_sha256)

    def certificates_of_key(self, spki_sha256: str) -> list[Certificate]:
        """Every certificate for a key (SHA-256 of its SubjectPublicKeyInfo, hex), unfinished ones too."""
        return self._certificates.by_key(spki_sha256, self._clock())

    def block_key(self, spki_sha256: str, by: str, note: str = "") -> BlockedKey:
        """Never certify this key again (SHA-256 of its SubjectPublicKeyInfo, hex). Raises OrderRefused."""
        return self._blocked_keys.block(spki_sha256, note, by, self._clock())

    def unblock_key(self, spki_sha256: str, by: str, note: str = "") -> None:
        """Raises UnknownKey."""
        self._blocked_keys.unblock(spki_sha256, note, by, self._clock())

    def blocked_keys(self) -> list[BlockedKey]:
        """The newest first."""
        return self._blocked_keys.all()

    def when_revoked(self, listener: Callable[[Sequence[str]], None]) -> None:
        """Call `listener` with serial numbers after each committed revocation of this process, in its thread."""
        self._revocations.subscribe(listener)

    def revoked_since(self, since: datetime) -> list[str]:
        """The serial numbers revoked or held at or after `since`, by whichever process."""
        return self._certificates.revoked_since(since)

    def crl(self, authority: str, shard: int) -> bytes:
        """The current list of one shard in DER. Raises UnknownAuthority, SignerUnavailable."""
        return self._crls.current(authority, shard, self._clock()).der

    def full_crl(self, authority: str) -> bytes:
        """The current list of all that an authority revoked, in DER. Raises UnknownAuthority, SignerUnavailable."""
        return self.published_crl(authority, None).der

    def published_crl(self, authority: str, shard: int | None) -> PublishedCrl:
        """A list with number and times; the full one without `shard`. Raises UnknownAuthority, SignerUnavailable."""
        return self._crls.current(authority, shard, self._clock())

    def crl_statuses(self, authority: str | None = None) -> list[CrlStatus]:
        """How the lists of an authority, or of all, stand; the full one of each first. Raises UnknownAuthority."""
        return self._crls.standing(authority, self._clock())

    def refresh_crls(self) -> None:
        """To be called every few seconds: publishes what is due, and closes intents that came to nothing."""
        now = self._clock()
        settle_unfinished(self._store, self.trail, now)
        self._crl_watch.make_round(now)

    def answer_ocsp(self, request_der: bytes) -> bytes:
        """An OCSP response in DER; never raises."""
        return self.status_answer(request_der).der

    def status_answer(self, request_der: bytes) -> StatusAnswer:
        """An OCSP response with its times; never raises."""
        return self._ocsp.answer(request_der, self._clock())

    def remembered_answer(self, request_der: bytes) -> StatusAnswer | None:
        """An OCSP response from memory, at once, if there is one that is certainly still true."""
        return self._ocsp.remembered(request_der, self._clock())

    # --- our own credentials, and firmware

    def server_credentials(self) -> list[ServerCredential]:
        """One for each key family that we can issue for, renewed when missing, half worn, revoked or named otherwise.

        Raises PostVacant when there is none.
        """
        now = self._clock()
        slots = self._slots(self._server_slot)
        if not slots:
            raise PostVacant(self._decisions.profiles[SERVER].post, KeyFamily.EC)
        return [
            self._credentials.for_server(self._credentials.current(slot, now), family, self.chains.for_servers)
            for family, slot in slots
        ]

    def is_our_own(self, serial: str) -> bool:
        """Whether we made the key of this certificate for ourselves."""
        return self._credentials.slot_of(serial) is not None

    def renew_credential(self, serial: str, by: str) -> Certificate:
        """A fresh key and certificate in the place of one of our own. Raises RenewalRefused and what issuing raises."""
        name = self._credentials.slot_of(serial) or ""
        if name in SLOTS.values():
            self._signers.refuse_elsewhere(name, self.certificate(serial).authority)
        slot = self._slot_named(name)
        return self.certificate(self._credentials.renew(slot, self._clock(), by).serial)

    def sign_firmware(self, order: FirmwareOrder, by: str, person: str = "") -> SignedFirmware:
        """The signature for an order, or the order as it waits for approval; the same one when asked again.

        `person` is who stands behind a token. Raises FirmwareRefused, SignerUnavailable.
        """
        return self._firmware.sign(order, by, self._clock(), person)

    def bring_firmware(
        self, order: FirmwareOrder, signature: str, certificate_pem: str, by: str, person: str = ""
    ) -> SignedFirmware:
        """Take in the manufacturer's own signature (base64), under the same rules. Raises FirmwareRefused."""
        return self._firmware.bring(order, signature, certificate_pem, by, self._clock(), person)

    def approve_firmware(
        self, firmware_id: str, by: str, person: str = "", note: str = "", passkey: str = ""
    ) -> SignedFirmware:
        """Agree to an order. Raises UnknownFirmware, FirmwareNotPending, ApproverRefused, SignerUnavailable."""
        return self._firmware.approve(firmware_id, by, self._clock(), person, note, passkey)

    def refuse_firmware(self, firmware_id: str, reason: str, by: str) -> SignedFirmware:
        """Say no to an order for good. Raises UnknownFirmware, FirmwareNotPending."""
        return self._firmware.refuse(firmware_id, reason, by, self._clock())

    def keep_firmware(self) -> None:
        """To be called every few seconds: ends what waited too long, signs what was approved, stamps what is bare."""
        self._firmware.keep(self._clock())
        self._firmware_stamps.keep()

    def firmware(self, firmware_id: str) -> SignedFirmware:
        """Raises UnknownFirmware."""
        return self.firmware_book.find(firmware_id)

    def firmware_bundle(self, firmware_id: str) -> Bundle:
        """All that one needs to verify an image offline. Raises UnknownFirmware, FirmwareRefused (not signed)."""
        return make_bundle(self.firmware(firmware_id), self._hierarchy, self.firmware_log, self._firmware_roots())

    def firmwares(self, *, after: str | None = None, limit: int = 100) -> list[SignedFirmware]:
        """The newest first; `after` is the last id of the page before. Raises UnknownFirmware."""
        return self.firmware_book.page(after, limit)

    # --- the audit trail

    def checkpoint(self) -> Checkpoint | None:
        """Sign where the audit trail is now; None when nothing was recorded since the last checkpoint.

        Raises TrailDamaged, TrailSetBack, SignerUnavailable.
        """
        made = self.checkpoints.make(self._clock())
        self.stamps.keep()
        return made

    def accept_set_back(self, reason: str, by: str) -> Checkpoint:
        """Go on from a restored backup that is older than the checkpoint file. Raises NothingToAccept."""
        return self.checkpoints.accept_set_back(reason, by, self._clock())

    def keep_checkpoints(self) -> None:
        """To be called every minute or so: a checkpoint when it is time for one."""
        self.checkpoints.keep(self._clock(), self.settings.checkpoint_every)
        self.stamps.keep()

    def verify_audit(self, file: CheckpointFile | None = None) -> Verdict:
        """Verify chains, checkpoints and the checkpoint file (another one than the service's when given)."""
        with self._store.reading() as session:
            roots, given = self.audit_roots(), file or self.checkpoints.file
            verdict = verify_trail(session, self.trail.key, roots, given, self.stamps.check)
            return verdict.joined(self.firmware_log.verify(session))

    def prove_keys(self, keys: Vault) -> list[KeyProof]:
        """Have each authority whose key lies in `keys` sign a revocation list that nobody will see."""
        return prove_keys(self._hierarchy, keys, self._clock())

    def audit_roots(self) -> tuple[x509.Certificate, ...]:
        """The roots that checkpoints' certificates lead to."""
        roots = (AuthorityKind.ROOT, HierarchyName.OPERATOR)
        found = [info.der for info in self._hierarchy.all() if (info.kind, info.hierarchy) == roots]
        return tuple(x509.load_der_x509_certificate(der) for der in found)

    # --- inside

    def _audit_slot(self) -> Slot:
        profile = self._decisions.profiles[AUDIT]
        try:
            issuer = self._hierarchy.issuer_for(profile.post, KeyFamily.EC)
        except PostVacant:  # an RSA hierarchy alone certifies our EC key as well
            issuer = self._hierarchy.issuer_for(profile.post, KeyFamily.RSA)
        return Slot("audit", profile, issuer.name, KeyAlgorithm.EC_P256, "Audit Trail")

    def _above_audit(self, credential: Credential) -> str:
        return self._hierarchy.above(credential.authority).chain_pem

    def _key_names(self) -> list[str]:
        mine = [info.name for info in self._hierarchy.all() if info.custody is Custody.HERE]
        return [self._hierarchy.issuer(name).key_name for name in mine]

    def _server_slot(self, family: KeyFamily) -> Slot:
        profile = self._decisions.profiles[SERVER]
        hostnames = self.settings.hostnames
        issuer = self._hierarchy.issuer_for(profile.post, family).name
        return Slot(f"server-{family}", profile, issuer, _LEAF_ALGORITHM[family], hostnames[0], hostnames)

    def _here(self) -> list[AuthorityInfo]:
        """Those that we can answer for: nobody can sign here for an authority whose key is elsewhere."""
        return [info for info in self._hierarchy.all() if info.custody is Custody.HERE]

    def _slots(self, slot_of: Callable[[KeyFamily], Slot]) -> list[tuple[KeyFamily, Slot]]:
        """The slots whose posts are filled; not every hierarchy has authorities of both kinds of key."""
        found = []
        for family in KeyFamily:
            with suppress(PostVacant):
                found.append((family, slot_of(family)))
        return found

    def _firmware_roots(self) -> list[x509.Certificate]:
        """Whom a brought signature's certificate may be issued by."""
        return self.anchors.certificates(AnchorUse.FIRMWARE)

    def _responder_slot(self, authority: str) -> Slot:
        family = self._hierarchy.issuer(authority).algorithm.family
        profile = self._decisions.profiles[RESPONDER]
        title = f"OCSP Responder {authority}"
        return Slot(f"{_OCSP_SLOT}{authority}", profile, authority, _LEAF_ALGORITHM[family], title)

    def _slot_named(self, name: str) -> Slot:
        """Raises RenewalRefused when there is no such slot (any more)."""
        if name.startswith(_OCSP_SLOT) and any(name == _OCSP_SLOT + info.name for info in self._here()):
            return self._responder_slot(name.removeprefix(_OCSP_SLOT))
        slots = [slot for kind in (self._server_slot, self._signers.slot) for _, slot in self._slots(kind)]
        with suppress(PostVacant):
            slots.append(self._audit_slot())
        for slot in slots:
            if slot.name == name:
                return slot
        raise RenewalRefused("its key is not one of ours: whoever holds it must ask for a new certificate")

    def _responder(self, authority: str, now: datetime) -> Responder:
        credential = self._credentials.current(self._responder_slot(authority), now)
        signer = self._credentials.signer(credential)
        return Responder(credential.der, spki_of(signer.public_key), credential.serial, signer, credential.not_after)

    def _fresh(self, issued: Issued, now: datetime) -> Certificate:
        return certificate_of(issued, None, self.chains.above(issued.authority, issued.station), now)

    def _record_refusal(self, order: Order, refusal: PkiError, by: str, now: datetime) -> None:
        code = getattr(refusal, "code", type(refusal).__name__)
        act = PkiAct.KEY_USED_ELSEWHERE if code == "key-used-elsewhere" else PkiAct.CERTIFICATE_REFUSED
        details = {"code": code, "sentence": refusal.sentence, "profile": order.profile}
        details |= {"station": order.station or "", "spki_sha256": order.request.spki_sha256}
        with self._store.writing() as session:
            self.trail.record(
                session, act, by=by, kind="certificate", thing=order.common_name, details=details, now=now
            )
        if code in _ALARMING:
            sentence = f"{order.station or order.common_name}: {refusal.sentence}"
            self.alarms.sound(_ALARMING[code], order.request.spki_sha256, sentence, Severity.CRITICAL)
