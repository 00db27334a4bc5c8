"""The words of a firmware update: how far it is, why it failed, and what may be seen of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from csms_bridge.events import FirmwareStatus


class UpdateState(StrEnum):
    """How far an update is."""

    QUEUED = "queued"
    """Nothing was sent: the station is away or charges, or its manufacturer root is being installed first."""
    ASKED = "asked"
    """The request went out, and has no answer yet: what the station does is unknown."""
    ACCEPTED = "accepted"
    DOWNLOAD_SCHEDULED = "download-scheduled"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    VERIFIED = "signature-verified"
    INSTALL_SCHEDULED = "install-scheduled"
    INSTALLING = "installing"
    REBOOTING = "rebooting"
    INSTALLED = "installed"
    """It says so; it has not reported the version."""
    CONFIRMING = "confirming"
    """It reports the version, and has to stay connected for a while."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    """It gave this update up for a newer one."""


OPEN = tuple(
    state
    for state in UpdateState
    if state not in (UpdateState.DONE, UpdateState.FAILED, UpdateState.CANCELLED, UpdateState.REPLACED)
)


class Cause(StrEnum):
    """Why an update failed."""

    NOT_SENT = "not-sent"
    """A guard stood against it, or it could not be sent."""
    REFUSED = "refused"
    INVALID_CERTIFICATE = "invalid-certificate"
    REVOKED_CERTIFICATE = "revoked-certificate"
    DOWNLOAD_FAILED = "download-failed"
    INVALID_SIGNATURE = "invalid-signature"
    VERIFICATION_FAILED = "install-verification-failed"
    INSTALLATION_FAILED = "installation-failed"
    WRONG_VERSION = "wrong-version"
    FELL_BACK = "fell-back"
    """It ran the version, and runs another one again."""
    NO_RETURN = "no-return"
    LATE = "late"
    """It is connected, and came to no end in time."""
    GAVE_UP = "gave-up"
    """It says that no update is going on, and does not run the version."""


UNPROVED = frozenset({Cause.NO_RETURN, Cause.LATE, Cause.GAVE_UP, Cause.WRONG_VERSION, Cause.DOWNLOAD_FAILED})
"""Failures by absence: a station that shows the version after all has proved the contrary."""

HARMFUL = frozenset(
    {
        Cause.INVALID_CERTIFICATE, Cause.REVOKED_CERTIFICATE, Cause.INVALID_SIGNATURE, Cause.VERIFICATION_FAILED,
        Cause.FELL_BACK, Cause.NO_RETURN,
    }
)  # fmt: skip
"""Failures after which a campaign stops at once: the image, its signature or its effect is wrong."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take. `steady`: connected with the new version. `silence`: without news before it is asked.

    `version_within`: after Installed until the version is reported. `return_within`: away in the middle. `end_within`:
    in one state, while connected.
    """

    steady: timedelta = timedelta(minutes=15)
    silence: timedelta = timedelta(minutes=10)
    version_within: timedelta = timedelta(minutes=15)
    return_within: timedelta = timedelta(hours=2)
    end_within: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Progress:
    """An update as it stands. Times are aware UTC.

    `version` is wanted, `before` what the station reported when it was asked, `seen` what it reported since. `told` is
    its last word, `verified` whether it said that the signature is good. `failing_at`: a download failed, and more
    tries were asked for. `steady_since`: connected with the new version without a break.
    """

    version: str
    before: str
    request_id: int
    signed: bool
    state: UpdateState
    since: datetime
    cause: Cause | None = None
    reason: str = ""
    told: str = ""
    told_at: datetime | None = None
    verified: bool = False
    seen: str = ""
    failing_at: datetime | None = None
    steady_since: datetime | None = None
    sent_at: datetime | None = None
    """When the request went out: versions reported before say nothing of it."""
    asked_at: datetime | None = None
    """When the station was last asked for its status or its version."""
    asked: int = 0
    """How often it was asked since it said something."""
    cancelling: bool = False
    retry_for: timedelta = timedelta()
    """How long further tries of the download may take after a failed one."""
    not_before: datetime | None = None
    """The later of the times that the station was given."""

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Facts:
    """The station as it stands in our records. `version` is what it reported last, at `booted_at`."""

    online: bool
    connected_at: datetime | None
    last_seen: datetime | None
    version: str
    booted_at: datetime | None


class Reply(StrEnum):
    """How a request for an update was answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    INVALID_CERTIFICATE = "invalid-certificate"
    REVOKED_CERTIFICATE = "revoked-certificate"
    UNSENT = "unsent"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Sent:
    """The request goes out next."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of the request. `words` are the station's, or say why nothing went out."""

    reply: Reply
    words: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """(Signed)FirmwareStatusNotification. `status` is None for a word that OCPP does not know."""

    status: FirmwareStatus | None
    request_id: int | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """Time goes by; the facts may have changed."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A second request was answered: this one was given up for it (L01.FR.24), or `by_us` it was cancelled."""

    by_us: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotGivenUp:
    """The second request was refused: this update goes on (TC_L_11)."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelSent:
    """The second request, which is to end this update, goes out next."""


Seen = Sent | Answered | Told | Look | GivenUp | NotGivenUp | CancelSent


class Ask(StrEnum):
    """What the station is asked in the middle."""

    STATUS = "status"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Next:
    """Where an update stands after something was seen, and what is to be asked."""

    progress: Progress
    asks: tuple[Ask, ...] = field(default=())
