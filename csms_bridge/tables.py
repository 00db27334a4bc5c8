"""Rows of the OCPP side. A request never becomes a row directly: rows are built by the named functions beside them."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class StationRow(SQLModel, table=True):
    """A station: what is registered, what is wanted, and what was observed last.

    `settled_floor` is the floor by registration or walk; `floor` may stand above it by a mere sighting.
    `newest_used` is when the newest certificate that the station has used was made. `quiet` ones are sent nothing
    unasked. `lane` is that of its last connection, `told` the boot status that it was told last, both empty when
    it came in for good and was accepted. `bootstrap` names the maker that may vouch for it at first contact.
    `expected_version` is the one that it shall come back with, and is chosen when it offers it.
    `recovery` names its way back that is open, `recovery_lane` the lane of that, `recovery_maker` whose certificate
    counts there.
    `takes_root`: it took its last certificate with the root in the chain, and may refuse one without.
    """

    __tablename__ = "stations"

    id: str = Field(primary_key=True, max_length=48)
    serial: str = Field(unique=True, max_length=64)
    ocpp_version: str | None = Field(default=None, max_length=8)
    expected_version: str | None = Field(default=None, max_length=8)
    floor: int
    settled_floor: int
    wanted_profile: int
    site: str = Field(default="", index=True)
    tags: str = "[]"
    quiet: bool = False
    bootstrap: str = Field(default="", max_length=100)
    recovery: str = Field(default="", max_length=16)
    recovery_lane: str = Field(default="", max_length=16)
    recovery_maker: str = Field(default="", max_length=100)
    recovery_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recovery_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recovery_reason: str = ""
    recovery_by: str = ""
    lane: str = Field(default="", max_length=16)
    told: str = Field(default="", max_length=16)
    works_when_accepted: bool = False
    takes_root: bool = False
    added_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime, index=True)

    profile: int | None = Field(default=None, index=True)
    online: bool = Field(default=False, index=True)
    node: str = ""
    connected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_seen: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hold: str | None = None
    address: str | None = None
    tls_version: str | None = None
    cipher: str | None = None
    certificate_serial: str | None = None
    newest_used: datetime | None = Field(default=None, sa_type=UtcDateTime)
    proof: str | None = None

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    boot_serial: str | None = None
    boot_reason: str | None = None
    booted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PasswordRow(SQLModel, table=True):
    """A Basic password's hash. `offered` ones were sent and not confirmed, and are good beside the current one.

    `retired` ones are refused; they are kept until the new one was used, to tell why a station does not come back.
    """

    __tablename__ = "station_passwords"

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id", index=True)
    hash: str
    kind: str = Field(max_length=16)
    state: str = Field(max_length=16)
    made_at: datetime = Field(sa_type=UtcDateTime)


class AdmissionRow(SQLModel, table=True):
    """One decision about one connection, with its reason."""

    __tablename__ = "admissions"
    __table_args__ = (Index("ix_admissions_station_id", "station", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    station: str = Field(max_length=48)
    address: str = ""
    tls: bool
    admitted: bool
    profile: int | None = None
    reason: str


class UnknownStationRow(SQLModel, table=True):
    """An identity that nobody registered and that knocked: what it showed and said of itself, none of it proved.

    `addresses` is a JSON list of the latest ones, `network` what of the last one counts as one. `credential` is the
    keyed hash of the password that it showed first, `contested` whether it showed another, or said it is another.
    """

    __tablename__ = "unknown_stations"

    id: str = Field(primary_key=True, max_length=48)
    state: str = Field(max_length=16)
    reason: str = ""
    address: str = ""
    network: str = Field(index=True)
    addresses: str = Field(default="[]", sa_type=Text)
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime, index=True)
    tries: int = 0
    shown: str = ""
    credential: str | None = None
    contested: bool = False
    ocpp_version: str = Field(default="", max_length=8)
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    booted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WalkRow(SQLModel, table=True):
    """A walk and how far it came; `views` and `facts` are JSON (see walks.steps.Progress)."""

    __tablename__ = "walks"
    __table_args__ = (Index("ix_walks_station_outcome", "station", "outcome"),)

    id: str = Field(primary_key=True, max_length=16)
    station: str = Field(foreign_key="stations.id")
    ocpp_version: str = Field(max_length=8)
    start: int
    goal: int
    step: int
    tries: int
    moved: datetime = Field(sa_type=UtcDateTime)
    outcome: str = Field(max_length=16, index=True)
    reason: str = Field(sa_type=Text)
    facts: str = Field(sa_type=Text)
    views: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime, index=True)


class CertificateAskRow(SQLModel, table=True):
    """A station's SignCertificate and what became of it: asked, issued, sent, taken, rejected or refused."""

    __tablename__ = "certificate_asks"
    __table_args__ = (Index("ix_certificate_asks_station_state", "station", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id")
    csr: str = Field(sa_type=Text)
    request_id: int | None = None
    state: str = Field(max_length=16, index=True)
    serial: str | None = None
    reason: str = ""
    asked_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime, index=True)


class TransactionRow(SQLModel, table=True):
    """A charging transaction that a station told of; 1.6 gets `id` as its transaction id.

    `told_ended`: the station said that it ended, or began another one in its place; else a restart ended it.
    """

    __tablename__ = "transactions"
    __table_args__ = (Index("ix_transactions_station_ended", "station", "ended_at"),)

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id")
    name: str
    evse: int | None = None
    connector: int | None = None
    token: str = ""
    began_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_ended: bool = False


class ChargingMessageRow(SQLModel, table=True):
    """A message about charging, whole, until a CSMS that bills has it. `digest` is what makes it the same again."""

    __tablename__ = "charging_messages"
    __table_args__ = (
        Index("ix_charging_messages_station_digest", "station", "digest"),
        Index("ix_charging_messages_handed_received", "handed_over_at", "received_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    ocpp_version: str = Field(max_length=8)
    action: str = Field(max_length=50)
    payload: str = Field(sa_type=Text)
    digest: str = Field(max_length=64)
    transaction: int | None = None
    received_at: datetime = Field(sa_type=UtcDateTime)
    handed_over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ConnectorRow(SQLModel, table=True):
    """The last that a station told of a connector; `evse` is 0 in 1.6."""

    __tablename__ = "connectors"

    station: str = Field(primary_key=True, foreign_key="stations.id")
    evse: int = Field(primary_key=True)
    connector: int = Field(primary_key=True)
    status: str = Field(max_length=50)
    error: str = ""
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)


class IdTokenRow(SQLModel, table=True):
    """A token that may charge, or is blocked; `key` is its text without regard to case."""

    __tablename__ = "id_tokens"

    key: str = Field(primary_key=True, max_length=255)
    token: str = Field(max_length=255)
    blocked: bool = False
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = ""
    changed_by: str
    changed_at: datetime = Field(sa_type=UtcDateTime)


class MessageRow(SQLModel, table=True):
    """One OCPP message, secrets taken out before it gets here."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_station_id", "station", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    at: datetime = Field(sa_type=UtcDateTime)
    direction: str = Field(max_length=4)
    kind: str = Field(max_length=8)
    action: str
    payload: str = Field(sa_type=Text)
    error: str = ""


class SecurityEventRow(SQLModel, table=True):
    """A SecurityEventNotification, and how often it was told; `at` and `last_at` are the station's clock.

    `type` is the canonical name, `told` the station's own spelling.
    """

    __tablename__ = "security_events"
    __table_args__ = (
        Index("ix_security_events_station_id", "station", "id"),
        Index("ix_security_events_severity_id", "severity", "id"),
        Index("ix_security_events_type_id", "type", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    type: str
    told: str
    severity: str = Field(max_length=16)
    at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    last_received_at: datetime = Field(sa_type=UtcDateTime)
    times: int = 1
    clock: str = Field(max_length=16)
    tech_info: str = ""


class CommandRow(SQLModel, table=True):
    """A message somebody wants sent: waiting, sent, answered or failed. The node with the socket sends it.

    A `queued` one is for a station that is away; it waits from the moment that the station is back. An `errand` has no
    payload: its message is made when it is sent (see csms_bridge.errands). While one with secrets in it waits,
    `payload` is without them and `sealed` is all of it, encrypted. `ending` says how it was closed (orders.Ending).
    """

    __tablename__ = "commands"
    __table_args__ = (Index("ix_commands_state_station", "state", "station"),)

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    action: str
    payload: str = Field(sa_type=Text)
    state: str = Field(max_length=16)
    answer: str = Field(sa_type=Text)
    error: str = ""
    ending: str = Field(default="", max_length=16)
    errand: str = Field(default="", max_length=24)
    sealed: str | None = Field(default=None, sa_type=Text)
    by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class RenewalAskRow(SQLModel, table=True):
    """The last time that a station was asked to renew its certificate, and the command that asked.

    `state`, `reason` and `serial` are how far it was found to be `moved_at` (see csms_bridge.renewal.news).
    """

    __tablename__ = "renewal_asks"
    __table_args__ = (
        Index("ix_renewal_asks_asked", "asked_at"),
        Index("ix_renewal_asks_moved", "moved_at"),
        Index("ix_renewal_asks_state", "state", "moved_at", "station"),
    )

    station: str = Field(primary_key=True, max_length=48)
    command: int
    asked_by: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(max_length=16)
    reason: str = Field(default="", sa_type=Text)
    serial: str | None = None
    moved_at: datetime = Field(sa_type=UtcDateTime)


class PasswordRotationRow(SQLModel, table=True):
    """The last time that a station's password was to be changed outside a walk, and what came of it.

    `password` names the new one's row in `station_passwords` once it was made; `outcome` is the station's answer.
    """

    __tablename__ = "password_rotations"

    station: str = Field(primary_key=True, max_length=48)
    command: int
    password: str | None = Field(default=None, max_length=20)
    outcome: str = Field(default="", max_length=16)
    reason: str = Field(default="", sa_type=Text)
    restart: bool = False
    restarted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_by: str
    asked_at: datetime = Field(sa_type=UtcDateTime)


class StationLogRow(SQLModel, table=True):
    """A log that a station was asked for (N01): what was asked, what it said of it, and what arrived.

    `token_sha256` is the digest of the secret in the address to upload to, good until `good_until`.
    """

    __tablename__ = "station_logs"
    __table_args__ = (Index("ix_station_logs_station_id", "station", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    kind: str = Field(max_length=20)
    request_id: int
    command: int = Field(index=True)
    token_sha256: str | None = Field(default=None, max_length=64, unique=True)
    good_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    oldest: datetime | None = Field(default=None, sa_type=UtcDateTime)
    latest: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str = Field(default="", max_length=16)
    reason: str = Field(default="", sa_type=Text)
    given_up: bool = False
    told: str = Field(default="", max_length=50)
    told_words: str = Field(default="", max_length=500)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    filename: str = Field(default="", max_length=255)
    received_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    size: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = Field(default=None, max_length=64)
    node: str | None = Field(default=None, max_length=63)
    asked_by: str
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
