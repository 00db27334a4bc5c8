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
    READ_URL = "read its maker's key for the address"
    WRITE_URL = "write its maker's key for the address"
    HANG_UP = "close the line"
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
    READ_DOWNGRADE = "read whether it may step down"
    ALLOW_DOWNGRADE = "let it step down"
    FORBID_DOWNGRADE = "have it step down no more"
    PERMIT_LOWER = "let it in on the lower profile"
    LOWER_AGAIN = "take the profile back"
    OLD_SLOT_FIRST = "put the old slot first again"
    WRITE_SLOT_BACK = "write the slot back"
    RESTORE_ORDER = "list the slots as they were"
    WRITE_URL_BACK = "write the old address back"
    WITHDRAW_OFFER = "withdraw the unused password"


ON_OUR_SIDE = frozenset({Do.BAR_BELOW, Do.PERMIT_LOWER, Do.WITHDRAW_OFFER})
"""Acts that no message is sent for: they share the transaction with the progress."""


class Until(StrEnum):
    """What counts as done."""

    ACCEPTED = "the station accepted it"
    ROOT_LISTED = "the station lists the root"
    SLOTS_TOLD = "the station reported its slots"
    ISSUED = "a certificate was issued for its request"
    SEEN = "the station was seen on the profile"
    PASSWORD_SEEN = "the station was seen with the new password"  # noqa: S105 -- the name of a condition
    RECORDED = "it is on record"
    ORDER_BACK = "the station lists its old slot first"
    ADDRESS_BACK = "the station tells its old address"
    BACK = "the station was seen again"
    A_PASSWORD_SEEN = "the station was seen with one of its passwords"  # noqa: S105 -- the name of a condition


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
    IF_NOT_ALLOWED = 6
    """The station does not say that it may step down (AllowSecurityProfileDowngrade)."""
    IF_WE_ALLOWED = 7
    """This walk has allowed it to step down."""
    IF_SLOT_WAS_LISTED = 8
    """The chosen slot stood in the order of slots before this walk changed it."""
    IF_SLOT_IS_BACK = 9
    """The chosen slot was written back."""
    IF_UNPROVED = 10
    """The station has not been seen since the last thing that may keep it from coming back."""
    IF_OLD_PROVED = 11
    """The station has restarted since it was sent a new password, and uses the old one."""
    IF_ARRIVED = 12
    """The station reached the new profile after all."""
    IF_NOT_ARRIVED = 13
    UNLESS_SLOTS_TOLD = 14
    """The station has not reported in this walk which connection slots it has."""
    IF_OLD_ADDRESS_KNOWN = 15
    """It told its address before this walk changed it."""


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
    `settles`, since many stations drop the line then (reference, station-quirks 13). What must be there first is what
    the steps before it saw, what `needed` says, and a station that is connected, has booted and charges nobody.
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
    online: bool = False
    """`within` counts the time that the station is connected: one that sleeps is not late."""
    must: str = ""
    """Why nobody may skip it; empty when it is safe to."""
    undo: tuple["Step", ...] = ()
    """What cancelling does about it once it was begun; nothing where what it did does no harm."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A plan: from one profile to another in steps. From `back` on they are the way back of a walk being cancelled."""

    start: SecurityProfile
    goal: SecurityProfile
    steps: tuple[Step, ...]
    back: int | None = None

    @property
    def is_down(self) -> bool:
        """Whether it leads from 3 to 2."""
        return self.goal < self.start


@dataclass(frozen=True, slots=True)
class Pace:
    """The runner's patience: see BridgeSettings.walk_settle, .walk_grace, .call_timeout and .walk_asleep."""

    settle: timedelta = timedelta(seconds=2)
    grace: timedelta = timedelta(seconds=15)
    silence: timedelta = timedelta(seconds=90)
    retry: timedelta = timedelta(seconds=15)
    asleep: timedelta = timedelta(days=30)


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
    walk began, see quirks.spell; its plan is made with these), `csms_root` and `csms_root_serial` (the root this walk
    installs), `permitted_by` and `permitted_for` (who lets it go down, and why), `roots` (serials the station listed),
    `root_accepted`, `also_root` (a second root it took), `issued` (serials of certificates, newest last) and
    `issuer_root` (the root above the newest), `slots`, `priority`, `active`, `slot`, `used`, `country`,
    `may_step_down`, `skips` and `skip_N` (why step N is skipped). About this leg: `password` (id of the one last
    offered), `away` (this service was not there for a while), `touched` (the steps begun that have an undo), `order`
    (of the slots, before this walk changed it), `old_url` (its address, likewise), `allowed` (to step down, by this
    walk), `restarted`, `came_after` (the last connection since the last thing that may keep it from coming back),
    `old_proved`. About cancelling: `cancel`
    (the reason), `undo` (which steps), `taken_back`, `slot_back`, `arrived`. About a hold: `cause`, `came` (the last
    connection meanwhile). About the step at hand: `paused` (since when the station is away), `dropped`, `reboot`,
    `back` and `back_on` (since when the station is back on which profile), `returns` (how often), `complaint`,
    `alternative`, `again`.
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
class Booted:
    """The station restarted: it sent a BootNotification that nobody asked for."""


@dataclass(frozen=True, slots=True)
class WeWereAway:
    """This service was not there for a while: a station that fell back meanwhile did so for want of us."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by. `ready`: the station is there, has booted, and nobody is charging.

    `shut`: its site's maintenance window is over, so that nothing is begun that takes the station off the line.
    """

    ready: bool
    shut: bool = False


Seen = (
    Connected
    | Disconnected
    | Answered
    | Unanswered
    | Issued
    | RequestRefused
    | SlotsTold
    | Complained
    | Booted
    | WeWereAway
    | Tick
)
