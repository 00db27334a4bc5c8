"""The words that plans are written in: what a step does, what counts as done, and what is seen meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import SecurityProfile


class Do(StrEnum):
    """What a step asks of the station; the runner fills in certificates, slots and secrets when it sends."""

    INSTALL_ROOT = "install the CSMS root"
    INSTALL_RSA_ROOT = "install the RSA root too"
    INSTALL_ISSUER_ROOT = "install the root above its certificate"
    LIST_ROOTS = "list the roots"
    WRITE_URL = "write its maker's key for the address"
    NAME_OPERATOR = "name the operator"
    TRIGGER_CSR = "ask for a certificate request"
    DELIVER = "deliver the certificate"
    DELIVER_WITH_ROOT = "deliver the certificate with its root"
    SET_PASSWORD = "set a new password"  # noqa: S105 -- the name of an action
    RAISE_PROFILE = "raise the security profile"
    LIST_SLOTS = "list the connection slots"
    LIST_ALL = "list all settings"
    READ_NETWORK = "read the connection slots"
    FREE_SLOT = "take the slot out of use"
    WRITE_SLOT = "write the connection slot"
    WRITE_SLOT_VARIABLES = "write the slot's variables"
    PREFER_SLOT = "prefer the new slot"
    RESTART = "restart the station"
    WAIT = "wait"
    BAR_BELOW = "refuse lower profiles"


class Until(StrEnum):
    """What counts as done."""

    ACCEPTED = "the station accepted it"
    ROOT_LISTED = "the station lists the root"
    SLOTS_TOLD = "the station reported its slots"
    ISSUED = "a certificate was issued for its request"
    SEEN = "the station was seen on the profile"
    PASSWORD_SEEN = "the station was seen with the new password"  # noqa: S105 -- the name of a condition
    RECORDED = "it is on record"


class Needed(Enum):
    """When a step is skipped because there is no need of it."""

    ALWAYS = 1
    IF_STILL_THERE = 2
    """The station neither dropped the line by itself nor said that it must be restarted."""
    IF_OTHER_ROOT = 3
    """The root above the certificate is not among those installed in this walk."""
    IF_SLOT_LISTED = 4
    """The chosen slot stands in NetworkConfigurationPriority (2.1 B09.FR.20/.21)."""
    UNLESS_ISSUED = 5
    """No certificate was issued in this walk yet."""


class Lost(Enum):
    """What to do when an answer never came. It is unknown what the station did, so neither is a failure."""

    ASK_AGAIN = 1
    GO_ON = 2
    """A later step finds out; asking again would be harmful or is pointless."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a plan.

    `leg` is the profile that this part of the walk leads to. `within` bounds the wait after the answer,
    `late` is what the operator reads when it runs out. After an accepting answer nothing more is sent while it
    `settles`, since many stations drop the line then (reference, station-quirks 13).
    """

    name: str
    do: Do
    until: Until
    leg: SecurityProfile
    within: timedelta = timedelta(minutes=5)
    late: str = "the station did not go on in time"
    settles: int = 0
    """In units of Pace.settle; over at once when the station has been away and is back."""
    needed: Needed = Needed.ALWAYS
    otherwise: Do | None = None
    """What to try when the station does not take `do`."""
    tolerate: frozenset[Outcome] = frozenset()
    """Refusals after which the walk goes on."""
    tries: int = 1
    """How often a refusal is answered by asking again."""
    optional: bool = False
    """Being late is no reason to hold: the walk goes on without."""
    lost: Lost = Lost.ASK_AGAIN


@dataclass(frozen=True, slots=True)
class Walk:
    """A plan: from one profile to another in steps."""

    start: SecurityProfile
    goal: SecurityProfile
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """The runner's patience: see BridgeSettings.walk_settle, .walk_grace and .call_timeout."""

    settle: timedelta = timedelta(seconds=2)
    grace: timedelta = timedelta(seconds=15)
    silence: timedelta = timedelta(seconds=90)
    retry: timedelta = timedelta(seconds=15)


class WalkState(StrEnum):
    """Where a walk stands."""

    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    SENT = "sent"
    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class StepView:
    """What is shown of a step: its state, since when, and a note."""

    name: str
    state: StepState = StepState.PENDING
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a walk has come: all that must survive a crash.

    `facts` holds what was learned, as text: `quirks` (what is odd about the station by the book as it was when the
    walk began, see quirks.spell; its plan is made with these), `csms_root` and `csms_root_serial` (the root this
    walk installs), `roots` (serials the station listed), `root_accepted`, `also_root` (a second root it took),
    `issued` (serials of certificates, newest last) and `issuer_root` (the root above the newest), `slots`,
    `priority`, `active`, `slot`, `used`, `country`; about this leg `password` (id of the password last offered) and
    `away` (this service was not there for a while); about a hold `held_by` and `came` (the last connection
    meanwhile); and about the step at hand `dropped`, `reboot`, `back` and `back_on` (since when the station is back
    on which lower profile), `returns` (how often), `complaint`, `alternative`, `again`.
    """

    views: tuple[StepView, ...]
    moved: datetime
    index: int = 0
    tries: int = 0
    outcome: WalkState = WalkState.RUNNING
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> StepState:
        """The state of the current step."""
        return self.views[self.index].state


@dataclass(frozen=True, slots=True)
class Connected:
    """The station was admitted. `password` is the id of the Basic password it used."""

    profile: SecurityProfile
    certificate: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The station's line is gone."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The station's answer to what step `index` asked; `asked` tells which of its messages, by `Progress.moved`."""

    index: int
    answer: Answer
    asked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer came to what step `index` asked; `asked` as in Answered."""

    index: int
    asked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """The authority issued `serial` for the station's request; `root` is the root authority above it."""

    serial: str
    root: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The authority refused the station's request."""

    reason: str


@dataclass(frozen=True, slots=True)
class SlotsTold:
    """The station reported which connection slots it has: comma-separated numbers."""

    slots: str


@dataclass(frozen=True, slots=True)
class Complained:
    """The station reported that a certificate or its TLS did not suit it."""

    words: str


@dataclass(frozen=True, slots=True)
class WeWereAway:
    """This service was not there for a while: a station that fell back meanwhile did so for want of us."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by. `ready`: the station is there, has booted, and nobody is charging."""

    ready: bool


Seen = (
    Connected
    | Disconnected
    | Answered
    | Unanswered
    | Issued
    | RequestRefused
    | SlotsTold
    | Complained
    | WeWereAway
    | Tick
)
