"""What goes over the wire: one pydantic model per noun, with the function that makes it from the domain object.

Times are RFC 3339 in UTC, serial numbers and digests lower-case hex, signatures base64, certificates PEM.
"""

import hashlib
from base64 import b64encode
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, computed_field

from csms_bridge.station import AddedStation, Overview
from pki.audit_verifier import Verdict
from pki.authority import AuthorityInfo
from pki.checkpoint import Checkpoint
from pki.key_places import KeyPlace
from pki.secret_text import Secret
from web.accounts import User
from web.alarm_links import console_path

Item = TypeVar("Item")


class Out(BaseModel):
    """Base of everything we answer; the fields have the domain object's names."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def of(cls, thing: object) -> Self:
        """The wire's shape of a domain object."""
        return cls.model_validate(thing)


class In(BaseModel):
    """Base of everything we are asked: a misspelt key is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Out, Generic[Item]):
    """One page of a list. `next` is the `after` of the next page, null on the last one."""

    items: list[Item]
    next: str | None


class StationOut(Out):
    """A station. `profile` is what was observed last, null if it was never seen; `hold` is null or the reason.

    `lane` is null, or why it was let in as Pending only when it connected last (`recovery`, `bootstrap`);
    `bootstrap` the maker whose certificate alone may let it in; `recovery_until` null or how long its expired one may.
    """

    id: str
    serial: str
    ocpp_version: str | None
    profile: int | None
    floor: int
    wanted_profile: int
    online: bool
    charging: bool
    hold: str | None
    last_seen: datetime | None
    connected_at: datetime | None
    vendor: str
    model: str
    firmware: str
    site: str
    tags: list[str]
    quiet: bool
    updated_at: datetime
    bootstrap: str
    lane: str | None
    recovery_until: datetime | None
    recovery_reason: str


class AddedStationOut(StationOut):
    """A station just registered; `password` is there once, when it was made here."""

    password: str | None

    @classmethod
    def made(cls, added: AddedStation) -> Self:
        """A station just registered, with the password that was made for it."""
        password = added.password.text() if added.password else None
        return cls(**StationOut.of(added.station).model_dump(), password=password)


class AdmissionOut(Out):
    """One decision about one connection."""

    at: datetime
    address: str
    tls: bool
    admitted: bool
    profile: int | None
    reason: str


class PostureOut(Out):
    """What was observed of a station at its last connection, beside what is wanted."""

    station: StationOut
    transport: str | None
    tls_version: str | None
    cipher: str | None
    certificate_serial: str | None
    address: str | None
    proof: str | None
    boot_serial: str | None
    boot_reason: str | None
    booted_at: datetime | None
    admissions: list[AdmissionOut]


class MessageOut(Out):
    """One OCPP message, its secrets taken out."""

    id: int
    station: str
    at: datetime
    direction: str
    kind: str
    action: str
    payload: Any
    error: str


class TimelineEntryOut(Out):
    """One line of a station's story."""

    at: datetime
    what: str
    text: str
    by: str


class CommandOut(Out):
    """A message for a station: `state` is waiting, sent, answered or failed; `answer` is the station's payload."""

    id: int
    station: str
    action: str
    payload: dict[str, Any]
    state: str
    answer: Any
    error: str
    by: str
    created_at: datetime


class StepOut(Out):
    """One step of a walk; `at` is when its state last changed, null while pending."""

    name: str
    state: str
    at: datetime | None
    note: str


class AdviceOut(Out):
    """Something that may safely be done about a walk now, and why one would."""

    act: str
    why: str


class WalkOut(Out):
    """A walk of one station from one security profile to another one. `next`: what may safely be done about it."""

    id: str
    station: str
    from_profile: int
    to_profile: int
    state: str
    reason: str
    steps: list[StepOut]
    next: list[AdviceOut]
    created_at: datetime
    updated_at: datetime


class OverviewOut(Out):
    """The fleet in numbers. `by_profile` has the keys "0" to "3" and "never seen"."""

    total: int
    online: int
    held: int
    walks_running: int
    by_profile: dict[str, int]

    @classmethod
    def made(cls, overview: Overview) -> Self:
        """The overview, with JSON's text keys."""
        seen = {str(number): overview.by_profile.get(number, 0) for number in range(4)}
        return cls(
            total=overview.total,
            online=overview.online,
            held=overview.held,
            walks_running=overview.walks_running,
            by_profile={"never seen": overview.by_profile.get(None, 0), **seen},
        )


class CertificateOut(Out):
    """A certificate that we issued. `chain_pem` is the leaf and its issuing authorities, without the root."""

    serial: str
    subject: str
    common_name: str
    station: str | None
    authority: str
    profile: str
    not_before: datetime
    not_after: datetime
    state: str
    revoked_at: datetime | None
    reason: str | None
    pem: str
    chain_pem: str


class AuthorityOut(Out):
    """A root or an issuing authority. `chain_pem` leads from it to its root, the root included.

    `post` is the job that it fills, `status` how far it is in its life, `custody` where its key is.
    """

    name: str
    kind: str
    hierarchy: str
    purpose: str
    subject: str
    algorithm: str
    not_before: datetime
    not_after: datetime
    parent: str | None
    post: str
    status: str
    custody: str
    serial: str
    sha256: str
    certificate_pem: str
    chain_pem: str

    @classmethod
    def made(cls, info: AuthorityInfo, chain_pem: str) -> Self:
        """An authority with its chain."""
        return cls(
            name=info.name,
            kind=info.kind,
            hierarchy=info.hierarchy,
            purpose=info.purpose,
            subject=info.subject,
            algorithm=info.algorithm,
            not_before=info.not_before,
            not_after=info.not_after,
            parent=info.parent,
            post=info.post,
            status=info.status,
            custody=info.custody,
            serial=info.serial,
            sha256=hashlib.sha256(info.der).hexdigest(),
            certificate_pem=info.certificate_pem,
            chain_pem=chain_pem,
        )


class KeyPlaceOut(Out):
    """Where an authority's key is. `can_sign`: a test signature was good a moment ago; if not, `why` says it."""

    authority: str
    key: str
    algorithm: str
    where: str
    can_sign: bool
    why: str

    @classmethod
    def made(cls, place: KeyPlace) -> Self:
        """A key's place."""
        return cls(
            authority=place.authority,
            key=place.key,
            algorithm=place.algorithm,
            where=place.where,
            can_sign=place.can_sign,
            why=place.why,
        )


class SecurityEventOut(Out):
    """A SecurityEventNotification, told `times` times. `at` and `last_at` are the station's own clock, the others ours.

    `type` is the name of OCPP 2.x, `told` what the station said. `severity`: critical, notice, info or unknown.
    `clock` tells what the station's time is worth: fits, ahead, absurd or unreadable (then `at` is ours).
    """

    id: int
    station: str
    type: str
    told: str
    severity: str
    at: datetime
    last_at: datetime
    received_at: datetime
    last_received_at: datetime
    times: int
    clock: str
    tech_info: str


class AuditRecordOut(Out):
    """One act."""

    id: int
    writer: str
    sequence: int
    at: datetime
    by: str
    act: str
    kind: str
    thing: str
    reason: str
    details: dict[str, Any]


class AlarmOut(Out):
    """Something that a person should look at. While it is open, the same again only counts up `times`."""

    id: int
    kind: str
    severity: str
    thing: str
    sentence: str
    raised_at: datetime
    repeated_at: datetime
    times: int
    cleared_at: datetime | None
    cleared_by: str | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def link(self) -> str:
        """The console's page about it, as a path."""
        return console_path(self.kind, self.thing)


class AnchorOut(Out):
    """An authority of others and what it is trusted for; `sha256` is the certificate's fingerprint."""

    name: str
    use: str
    vendor: str
    subject: str
    sha256: str
    not_before: datetime
    not_after: datetime
    added_by: str
    added_at: datetime
    certificate_pem: str


class BlockedKeyOut(Out):
    """A key that is not certified again, by the SHA-256 of its SubjectPublicKeyInfo."""

    spki_sha256: str
    note: str
    blocked_by: str
    blocked_at: datetime


class FindingOut(Out):
    """One place where the audit trail is not what was written."""

    damage: str
    writer: str
    sequence: int
    sentence: str


class VerdictOut(Out):
    """Whether the audit trail is whole. `notes` are worth knowing and no damage; `seconds` is what looking took."""

    whole: bool
    findings: list[FindingOut]
    notes: list[str]
    records: int
    checkpoints: int
    stamps: int
    seconds: float

    @classmethod
    def made(cls, verdict: Verdict, seconds: float) -> Self:
        """What verifying found."""
        counts = {"records": verdict.records, "checkpoints": verdict.checkpoints, "stamps": verdict.stamps}
        findings = [FindingOut.of(finding) for finding in verdict.findings]
        notes = list(verdict.notes)
        return cls(whole=verdict.whole, findings=findings, notes=notes, seconds=round(seconds, 3), **counts)


class CheckpointOut(Out):
    """A signed checkpoint: exactly what was signed, the signature (DER, base64), the signer's chain."""

    number: int
    made_at: datetime
    records: int
    sha256: str
    statement: str
    signature: str
    certificate_pem: str
    stamped: bool

    @classmethod
    def made(cls, checkpoint: Checkpoint) -> Self:
        """The wire's shape of a checkpoint."""
        return cls(
            number=checkpoint.number,
            made_at=checkpoint.made_at,
            records=checkpoint.records,
            sha256=checkpoint.sha256,
            statement=checkpoint.statement,
            signature=b64encode(checkpoint.signature).decode(),
            certificate_pem=checkpoint.certificate_pem,
            stamped=checkpoint.is_stamped,
        )


class UserOut(Out):
    """A person who may sign in."""

    name: str
    role: str
    created_at: datetime
    last_sign_in: datetime | None
    disabled_at: datetime | None


class NewUserOut(UserOut):
    """A user with a new password; `password` is there once, when it was made here."""

    password: str | None

    @classmethod
    def made(cls, user: User, made: Secret | None) -> Self:
        """A user, with the password that was made here (not with one that somebody chose)."""
        return cls(**UserOut.of(user).model_dump(), password=made.text() if made is not None else None)


class TokenOut(Out):
    """An API token, without its text."""

    id: str
    name: str
    role: str
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenOut(TokenOut):
    """A new token, with its text this once."""

    token: str


class ReasonIn(In):
    """Why a one-way act is done."""

    reason: str = Field(min_length=1, max_length=500)
