"""What a station may lose, how it may come back, and how far its way back is. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from csms_bridge.standing import Lane

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=30)


class Loss(StrEnum):
    """What keeps a station away."""

    EXPIRED = "expired"
    """Its certificate ran out, or its authority was retired, while it slept."""
    LOST = "lost"
    """The certificate or its key is gone or broken."""
    RESET = "reset"
    """It is as it left the factory: no password and no certificate of ours."""
    SWAPPED = "swapped"
    """A new board, with another serial number and another key, in the same place."""
    REVOKED = "revoked"
    """Its certificate was revoked."""

    @property
    def is_a_new_start(self) -> bool:
        """Whether what the station was known to hold is gone: settings, roots, passwords."""
        return self in (Loss.RESET, Loss.SWAPPED)


class Proof(StrEnum):
    """What a station that comes back shows."""

    CERTIFICATE = "certificate"
    """Its own, right in all but its time."""
    PASSWORD = "password"  # noqa: S105 -- the name of a proof
    """One that is made for this, and set in it on site."""
    MAKER = "maker"
    """The certificate that it left its factory with."""

    @property
    def lane(self) -> Lane:
        """The lane that it comes through."""
        return _LANES[self]


_LANES = {Proof.CERTIFICATE: Lane.RECOVERY, Proof.PASSWORD: Lane.PASSWORD, Proof.MAKER: Lane.BOOTSTRAP}


class RecoveryState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    """For another person's approval; nobody is let in."""
    OPEN = "open"
    DONE = "done"
    """The station was seen again with what it has now."""
    ENDED = "ended"
    """Somebody closed it."""
    OVER = "over"
    """Its time is over."""
    REFUSED = "refused"
    """Another person said no."""
    LAPSED = "lapsed"
    """Nobody decided in time."""


UNDER_WAY = (RecoveryState.WAITING, RecoveryState.OPEN)


@dataclass(frozen=True, slots=True)
class Ask:
    """What an operator asks for. `proof` is chosen by the loss when it is None; `maker` names whose certificate counts.

    `life` counts from the moment of opening. `then_walk`: the profile that the station is walked up to once it is back.
    """

    station: str
    loss: Loss
    life: timedelta
    reason: str
    proof: Proof | None = None
    maker: str = ""
    new_serial: str = ""
    then_walk: int | None = None

    @property
    def by_proof(self) -> Proof:
        """What the station will show."""
        if self.proof is not None:
            return self.proof
        if self.loss is Loss.EXPIRED:
            return Proof.CERTIFICATE
        return Proof.MAKER if self.maker else Proof.PASSWORD


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person agreed. `by` is what the person came with: a session or a token."""

    person: str
    by: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Recovery:
    """A way back of one station. `approvals_wanted`: of how many people, besides the one who asked.

    `says` tells in sentences what is let in, for how long, and what is revoked. `came_at`, `came_from`: the last that
    came through its lane.
    """

    id: str
    station: str
    loss: Loss
    proof: Proof
    state: RecoveryState
    reason: str
    maker: str
    old_serial: str
    new_serial: str
    life: timedelta
    then_walk: int | None
    asked_by: str
    asked_at: datetime
    approvals_wanted: int
    approvals: tuple[Approval, ...]
    opened_at: datetime | None
    until: datetime | None
    came_at: datetime | None
    came_from: str
    ended_at: datetime | None
    ended_by: str
    ended_why: str
    revoked: tuple[str, ...]
    walk: str
    says: tuple[str, ...]

    @property
    def missing(self) -> int:
        """How many approvals are wanting."""
        return max(0, self.approvals_wanted - len(self.approvals)) if self.state is RecoveryState.WAITING else 0
