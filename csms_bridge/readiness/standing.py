"""What stands in the way at this moment: where the station is, and what goes on with it. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.reason import Case, Reason, blocks, note, risk, unknown
from csms_bridge.walks.steps import WalkState

ASLEEP = timedelta(days=30)
COMPLAINTS_COUNT_FOR = timedelta(days=30)
_OURS = "a rule of this service (docs/walks.md)"


def under_way(case: Case) -> Iterator[Reason]:
    """A station has one walk at a time."""
    walk = case.facts.walk
    if walk is None:
        return
    if walk.state is WalkState.HELD:
        yield blocks(
            Code.HELD, f"Its walk to profile {walk.goal} is on hold: {walk.reason}.", _OURS,
            f"Mend what holds it, then: voltward walk resume {walk.id}",
        )  # fmt: skip
    elif walk.state is WalkState.RUNNING:
        yield note(
            Code.UNDER_WAY, 0, f"A walk to profile {walk.goal} is under way.", _OURS,
            f"voltward walk show {walk.id}",
        )  # fmt: skip
    elif walk.state is WalkState.CANCELLED and walk.goal >= case.goal > case.start:
        yield risk(
            Code.LAST_WALK, 10, f"Its last walk, to profile {walk.goal}, was cancelled: {walk.reason}.",
            "its walks", f"See what became of it: voltward walk show {walk.id}",
        )  # fmt: skip


def lane(case: Case) -> Iterator[Reason]:
    """While it is Pending nothing but its certificate is dealt with."""
    if case.station.lane is not None:
        yield blocks(
            Code.LANE, f"It is let in as Pending only, in the {case.station.lane} lane: nothing is walked there.",
            "2.x B02.FR.01; docs/recovery.md", "Let it get its certificate and come back for good.",
        )  # fmt: skip


def presence(case: Case) -> Iterator[Reason]:
    """A walk goes on while the station is connected; one that sleeps is waited for."""
    station = case.station
    if station.last_seen is None:
        yield unknown(
            Code.NEVER_SEEN, 20, "It has never connected: nothing of it was ever observed.", "its connections",
            "Wait for its first connection, or look at the site.",
        )  # fmt: skip
    elif not station.online and case.now - station.last_seen > ASLEEP:
        yield risk(
            Code.ASLEEP, 20, f"It has not been seen since {_day(station.last_seen)}: a walk waits until it is back.",
            "its connections", "Look at the site, or leave it to a campaign that waits for those that are away.",
        )  # fmt: skip
    elif not station.online:
        yield note(
            Code.AWAY, 0, f"It is offline since {_day(station.last_seen)}: a walk begins when it is back.",
            "its connections", "Wait until it is back.",
        )  # fmt: skip


def business(case: Case) -> Iterator[Reason]:
    """What a walk waits for, or leaves it to people to do."""
    if case.station.charging:
        yield note(
            Code.CHARGING, 0, "Somebody is charging: nothing is sent until the transaction has ended.", _OURS,
            "Wait for the end of the transaction.",
        )  # fmt: skip
    if case.station.quiet:
        yield note(
            Code.QUIET, 0, "It is sent nothing unasked: a walk that somebody starts goes out, campaigns leave it out.",
            _OURS, f'voltward station quiet {case.station.id} off --reason "…"',
        )  # fmt: skip
    if case.facts.expected_version is not None:
        yield risk(
            Code.MIGRATING, 20, f"It is expected to come back with OCPP {case.facts.expected_version}: its walk would "
            "be another one then.", "docs/migration.md", "Walk it when it is back and well.",
        )  # fmt: skip


def complaints(case: Case) -> Iterator[Reason]:
    """A station that refuses our certificate says so, if it says anything (A00 security events)."""
    told = case.facts.complaint
    if told is not None and case.now - told.at < COMPLAINTS_COUNT_FOR:
        yield risk(
            Code.COMPLAINED, 20, f"It reported {told.type} on {_day(told.at)}.",
            "security events of 1.6 A00 and 2.x appendix 1",
            "Read its events; check that it reaches us by the name in our certificate, and that it has our root.",
        )  # fmt: skip


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


CHECKS = (under_way, lane, presence, business, complaints)
