"""Campaigns that have stations renew their certificates; by a re-key campaign the new one must be over a new key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.campaigns.kinds.kind import Starter, Work
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Exclusion, Rule
from csms_bridge.campaigns.words import Goal, Kind, Outcome, OutcomeKind
from csms_bridge.errors import CommandRefused
from csms_bridge.orders import Orders
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.tables import CertificateRow


class RenewalKind:
    """Asks each station to renew (A02); what it is seen with decides."""

    def __init__(self, renewals: Renewals, orders: Orders, trail: AuditTrail, clock: Clock) -> None:
        self._renewals = renewals
        self._orders = orders
        self._trail = trail
        self._clock = clock

    def check(self, goal: Goal) -> None:
        """There is nothing to choose."""

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """Only a station on profile 3 presents a certificate; one that is younger than the campaign may stay."""
        below = col(StationRow.profile) != SecurityProfile.MUTUAL_TLS
        young = col(StationRow.newest_used) >= since
        return [
            Rule(Exclusion.THERE, young, "its certificate is younger than the campaign"),
            Rule(Exclusion.UNFIT, below, "it is not on profile 3 and presents no certificate"),
        ]

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """Renewals by their door."""
        return _RenewalStarter(self._renewals, self._orders, self._trail, self._clock)

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """A renewal that was asked for again by somebody else counts as well: the last one is what there is."""
        found: dict[str, Outcome] = {}
        before = {work.station: work.work.partition(":")[2] for work in works}
        for renewal in self._renewals.progress_in(session, list(before)):
            if renewal.state is RenewalState.RENEWED:
                kept = goal.kind is Kind.REKEY and _same_key(session, before[renewal.station], renewal.serial)
                found[renewal.station] = _KEPT if kept else Outcome(OutcomeKind.DONE)
            elif renewal.state in (RenewalState.FAILED, RenewalState.UNABLE):
                found[renewal.station] = Outcome(OutcomeKind.FAILED, renewal.reason)
        return found

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """What was not sent yet is withdrawn."""
        return self._orders.withdraw_in(session, int(work.work.partition(":")[0]), reason)

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """Only numbers stop it."""
        return ""

    def most_urgent_first(self) -> bool:
        """What ends first is renewed first."""
        return True


class _RenewalStarter:
    """Its works are called `command:serial`, the serial number being that of the certificate to be replaced."""

    def __init__(self, renewals: Renewals, orders: Orders, trail: AuditTrail, clock: Clock) -> None:
        self._renewals = renewals
        self._orders = orders
        self._trail = trail
        self._clock = clock

    def start(self, session: Session, station: str, by: str) -> str:
        row = session.get(StationRow, station)
        serial = (row.certificate_serial if row is not None else None) or ""
        entries: list[Entry] = []
        renewal = self._renewals.ask_in(session, station, by, entries)
        if renewal.state is RenewalState.UNABLE:
            raise CommandRefused(renewal.reason)
        self._trail.record_all(session, entries, self._clock())
        return f"{renewal.command}:{serial}"

    def again(self, session: Session, before: Work, by: str) -> str:
        return self.start(session, before.station, by)

    def committed(self, stations: Sequence[str]) -> None:
        self._orders.wake_those_here(stations)


_KEPT = Outcome(OutcomeKind.FAILED, "it has a new certificate over the key that it had: it made no new one")


def _same_key(session: Session, before: str, after: str | None) -> bool:
    query = select(CertificateRow.spki_sha256).where(col(CertificateRow.serial).in_([before, after or ""]))
    keys = list(session.exec(query))
    return len(keys) > 1 and len(set(keys)) == 1
