"""Sites on record: their time zones, their maintenance windows, and how much of them may be worked on at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.rows import SiteRow
from csms_bridge.campaigns.windows import Hours, hours_of, spell
from csms_bridge.errors import SiteRefused, UnknownSite
from csms_bridge.tables import StationRow
from pki.audit import JSON, AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class NewSite:
    """What is said of a site. Raises SiteRefused when it cannot be right."""

    name: str
    time_zone: str = "UTC"
    windows: str = ""
    max_share: int = 100

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise SiteRefused("name", f"1 to {LONGEST_NAME} printable characters are allowed")
        if not 1 <= self.max_share <= 100:
            raise SiteRefused("max_share", "1 to 100 per cent are allowed")
        hours_of(self.time_zone, self.windows)


@dataclass(frozen=True, slots=True)
class Site:
    """A site: `stations` name it. `open_now`, and else when it opens next, by its own clock."""

    name: str
    hours: Hours
    max_share: int
    stations: int
    open_now: bool
    opens_at: datetime | None
    changed_by: str
    changed_at: datetime


class Sites:
    """Sites in the database."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    def put(self, sites: Sequence[NewSite], by: str) -> list[Site]:
        """Write down, or change, all of them or none."""
        now = self._clock()
        with self._store.writing() as session:
            entries: list[Entry] = []
            for new in sites:
                windows = spell(hours_of(new.time_zone, new.windows))
                row = SiteRow(
                    name=new.name, time_zone=new.time_zone, windows=windows, max_share=new.max_share,
                    changed_by=by, changed_at=now,
                )  # fmt: skip
                session.merge(row)
                details: dict[str, JSON] = {"time_zone": new.time_zone, "windows": windows, "max_share": new.max_share}
                entries.append(Entry(FleetAct.SITE_PUT, by, "site", new.name, "", details))
            self._trail.record_all(session, entries, now)
        return [self.site(new.name) for new in sites]

    def remove(self, name: str, by: str, reason: str) -> None:
        """Forget what is known of a site; its stations keep its name. Raises UnknownSite."""
        with self._store.writing() as session:
            session.delete(_row(session, name))
            self._trail.record(
                session, FleetAct.SITE_REMOVED, by=by, kind="site", thing=name, reason=reason, now=self._clock()
            )

    def site(self, name: str) -> Site:
        """One site. Raises UnknownSite."""
        with self._store.reading() as session:
            row = _row(session, name)
            return _site(row, count_stations(session, [name]).get(name, 0), self._clock())

    def page(self, after: str | None, limit: int) -> list[Site]:
        """Sites by name, from `after` on."""
        query = select(SiteRow).order_by(col(SiteRow.name)).limit(limit)
        if after is not None:
            query = query.where(col(SiteRow.name) > after)
        with self._store.reading() as session:
            rows = session.exec(query).all()
            counts = count_stations(session, [row.name for row in rows])
            return [_site(row, counts.get(row.name, 0), self._clock()) for row in rows]

    def unknown(self, limit: int = 100) -> list[tuple[str, int]]:
        """Names that stations give for their site and about which nothing is on record, with how many they are."""
        named = select(StationRow.site, func.count()).where(col(StationRow.site) != "")
        strange = named.where(col(StationRow.site).not_in(select(SiteRow.name)))
        with self._store.reading() as session:
            query = strange.group_by(col(StationRow.site)).order_by(col(StationRow.site)).limit(limit)
            return [(site, count) for site, count in session.exec(query)]


def count_stations(session: Session, sites: Collection[str]) -> dict[str, int]:
    """How many stations each of these sites has."""
    query = select(StationRow.site, func.count()).where(col(StationRow.site).in_(sites))
    return dict(session.exec(query.group_by(col(StationRow.site))).all())


def _row(session: Session, name: str) -> SiteRow:
    row = session.get(SiteRow, name)
    if row is None:
        raise UnknownSite(name)
    return row


def _site(row: SiteRow, stations: int, now: datetime) -> Site:
    hours = hours_of(row.time_zone, row.windows)
    return Site(
        name=row.name,
        hours=hours,
        max_share=row.max_share,
        stations=stations,
        open_now=hours.is_open(now),
        opens_at=hours.next_open(now),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )
