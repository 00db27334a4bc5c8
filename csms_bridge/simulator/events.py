"""What a simulated station tells those who watch it. Small frozen values; none carries a secret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StationEvent:
    """The root of the tree: something happened at the station with this identity."""

    identity: str


@dataclass(frozen=True)
class Connected(StationEvent):
    """The WebSocket is open. `client_serial` is lower-case hex of the certificate presented, else None."""

    profile: int
    url: str
    client_serial: str | None


@dataclass(frozen=True)
class Refused(StationEvent):
    """An attempt to connect failed. `status` is the HTTP status, None when it never came to HTTP."""

    profile: int
    status: int | None
    reason: str


@dataclass(frozen=True)
class Disconnected(StationEvent):
    """The connection ended; 1006 means without a close frame."""

    code: int


@dataclass(frozen=True)
class Booted(StationEvent):
    """A BootNotification was answered: `Accepted`, `Pending` or `Rejected`."""

    status: str
    reason: str


@dataclass(frozen=True)
class Answered(StationEvent):
    """The station carried out a command of the CSMS; `status` is its answer's status field, if it has one."""

    action: str
    status: str | None


@dataclass(frozen=True)
class ProfileChanged(StationEvent):
    """The station was connected on another profile than before; this is now its profile."""

    before: int
    after: int


@dataclass(frozen=True)
class FellBack(StationEvent):
    """All attempts on the new profile failed; the station returns to the old one."""

    tried: int
    returned_to: int


@dataclass(frozen=True)
class PasswordChanged(StationEvent):
    """A new Basic password was stored."""


@dataclass(frozen=True)
class RootInstalled(StationEvent):
    """A root was stored. `serial` is lower-case hex."""

    kind: str
    serial: str


@dataclass(frozen=True)
class CertificateRequested(StationEvent):
    """SignCertificate was answered with this status."""

    status: str


@dataclass(frozen=True)
class CertificateInstalled(StationEvent):
    """A certificate of the station's own was accepted. `serial` is lower-case hex."""

    serial: str


@dataclass(frozen=True)
class CertificateDiscarded(StationEvent):
    """A renewed certificate did not work; the station returned to the one before."""

    serial: str


@dataclass(frozen=True)
class FirmwareProgress(StationEvent):
    """A firmware status was sent, in OCPP's words."""

    status: str
