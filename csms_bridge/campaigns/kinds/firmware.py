"""Campaigns that have stations install a signed release, and stop at the first sign that the image is wrong.

With `ocpp` the release changes the version of OCPP as well: each station is then expected to come back with that, and
is done when it did so well (csms_bridge.migration).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.campaigns.kinds.kind import Starter, Work
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Exclusion, Model, Rule, has_tag
from csms_bridge.campaigns.words import Goal, Outcome, OutcomeKind
from csms_bridge.errors import BridgeError, CampaignRefused, FirmwareNotNow, UnknownStation
from csms_bridge.firmware.asking import Asking, Chosen, NewUpdate
from csms_bridge.firmware.guards import HARDWARE_TAG, check_signature, choose_form
from csms_bridge.firmware.images import FirmwareImages
from csms_bridge.firmware.machine import same_version
from csms_bridge.firmware.releases import ManufacturerRoot, Releases
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.session_errors import Errors, worse
from csms_bridge.firmware.states import HARMFUL, UpdateState
from csms_bridge.firmware.updates import FirmwareUpdates
from csms_bridge.migration.door import Migrations
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.states import MigrationState
from csms_bridge.orders import Orders
from csms_bridge.quirks.lookup import QuirksIn
from csms_bridge.station import OcppVersion
from csms_bridge.tables import StationRow
from pki.errors import FirmwareRefused, UnknownFirmware
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.firmware_tables import FirmwareRow
from pki.tables import RevokedRow

_AT_ONCE = 500
_NAMED = 5
_DONE = {UpdateState.DONE.value}
_BAD = {UpdateState.FAILED.value, UpdateState.CANCELLED.value, UpdateState.REPLACED.value}


@dataclass(frozen=True, slots=True)
class Doors:
    """What the kind works with."""

    updates: FirmwareUpdates
    asking: Asking
    releases: Releases
    images: FirmwareImages
    migrations: Migrations
    orders: Orders
    odd: QuirksIn
    clock: Callable[[], datetime]
    return_within: timedelta


class FirmwareKind:
    """Updates by their door, whose guards stand for each station."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._known: dict[str, SignedFirmware] = {}

    def check(self, goal: Goal) -> None:
        """The release is signed and still verifies, and its image is whole: looked at before each campaign starts.

        Raises CampaignRefused.
        """
        if not goal.release:
            raise CampaignRefused("release", "name the firmware", "its id: voltward firmware list --state signed")
        try:
            signed = self._verified(goal)
            if not goal.location:
                self._doors.images.check_whole(signed[0].digest, again=True)
        except (BridgeError, UnknownFirmware, FirmwareRefused) as refused:
            raise CampaignRefused("release", refused.sentence, getattr(refused, "hint", "")) from None

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """Other models and boards; what runs it, or is older or newer than may be, is told model by model."""
        release = self._release(goal)
        is_it = (
            func.lower(StationRow.vendor) == release.vendor.strip().lower(),
            func.lower(StationRow.model) == release.model.strip().lower(),
        )
        name = f"{release.vendor} {release.model}"
        rules = [
            Rule(Exclusion.UNFIT, ~(is_it[0] & is_it[1]), f"it is no {name}"),
            Rule(Exclusion.THERE, func.lower(StationRow.firmware) == release.version.strip().lower(), "it runs it"),
        ]
        if release.hardware:
            boards = [has_tag(f"{HARDWARE_TAG}{board}") for board in release.hardware]
            any_board = boards[0]
            for board in boards[1:]:
                any_board = any_board | board
            words = f"it is not said to be {' or '.join(release.hardware)} (tag {HARDWARE_TAG}…)"
            rules.append(Rule(Exclusion.UNFIT, ~any_board, words))
        if goal.ocpp:
            there = col(StationRow.ocpp_version) == goal.ocpp
            rules.append(Rule(Exclusion.THERE, there, f"it speaks OCPP {goal.ocpp} already"))
        return rules

    def unfit_models(self, goal: Goal, models: Sequence[Model]) -> list[Model]:
        """Versions that say the same in other words: `V2.0` runs 2.0.0."""
        release = self._release(goal)
        return [model for model in models if model[2] and same_version(model[2], release.version)]

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """The release verified once more, and the root above each signature of it."""
        doors = self._doors
        try:
            forms = self._verified(goal)
            roots = {one.id: doors.releases.root_above(one) for one in forms}
        except FirmwareNotNow:  # why_stop says so, and pauses the campaign before it begins anybody
            forms, roots = [], {}
        return _FirmwareStarter(doors, goal, campaign, forms, roots)

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """The update's own end; where the version of OCPP changes too, that as well."""
        ids = [int(work.work) for work in works if work.work.isdecimal()]
        found: dict[str, Outcome] = {}
        for start in range(0, len(ids), _AT_ONCE):
            query = select(FirmwareUpdateRow).where(
                col(FirmwareUpdateRow.id).in_(ids[start : start + _AT_ONCE]),
                col(FirmwareUpdateRow.state).in_(_DONE | _BAD),
            )
            for row in session.exec(query):
                if (outcome := _outcome(session, goal, row)) is not None:
                    found[row.station] = outcome
        return found

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """What was not sent is withdrawn; what is on its way is ended by a second request, if the station allows it."""
        ended = self._doors.updates.cancel_in(session, work.station, int(work.work), reason, by)
        row = session.get(FirmwareUpdateRow, int(work.work))
        if ended and row is not None and row.campaign:
            self._doors.migrations.give_up_in(session, work.station, row.campaign, reason, by)
        return ended

    def most_urgent_first(self) -> bool:
        """No station before another."""
        return False

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """A revoked signature, a harmful end, or more errors than before: the image is not for anybody else."""
        if serial := _revoked(session, campaign, goal):
            return (
                f"the certificate {serial} that signed it was revoked; what it installed: "
                f"voltward firmware updates --signing-serial {serial} --state done"
            )
        since = campaign.wave_since or campaign.created_at
        if harmed := _harmed(session, campaign.id, since):
            return harmed
        if why := worse(_errors(session, campaign.id, since)):
            return why
        return _strayed(session, campaign.id, goal, since) if goal.ocpp else ""

    def _verified(self, goal: Goal) -> list[SignedFirmware]:
        """The signatures of the release that are good now. Raises UnknownFirmware, FirmwareNotNow."""
        doors = self._doors
        forms = [one for one in doors.releases.forms(goal.release) if one.state is FirmwareState.SIGNED]
        if not forms:
            raise FirmwareNotNow("not-signed", f"the firmware {goal.release} is not signed")
        roots = [root.certificate for root in doors.releases.roots()]
        for one in forms:
            check_signature(one, roots, doors.clock())
        return forms

    def _release(self, goal: Goal) -> SignedFirmware:
        """What a release is about, which never changes: read once."""
        if goal.release not in self._known:
            self._known[goal.release] = self._doors.releases.forms(goal.release)[0]
        return self._known[goal.release]


class _FirmwareStarter:
    """Its works are called by the numbers of their updates."""

    def __init__(
        self, doors: Doors, goal: Goal, campaign: str, forms: Sequence[SignedFirmware],
        roots: Mapping[str, ManufacturerRoot],
    ) -> None:  # fmt: skip
        self._doors = doors
        self._goal = goal
        self._campaign = campaign
        self._forms = forms
        self._roots = roots
        self._migrating: list[str] = []

    def start(self, session: Session, station: str, by: str) -> str:
        doors, goal = self._doors, self._goal
        row = session.get(StationRow, station)
        if row is None:
            raise UnknownStation(station)
        signed = choose_form(self._forms, doors.odd(session, row))
        new = NewUpdate(signed.id, location=goal.location, why=f"campaign {self._campaign}", campaign=self._campaign)
        update = doors.asking.ask(session, station, new, Chosen(signed, self._roots[signed.id]), by)
        if goal.ocpp:
            self._expect(session, station, by)
        return str(update.id)

    def again(self, session: Session, before: Work, by: str) -> str:
        self._doors.migrations.give_up_in(session, before.station, self._campaign, "it is tried once more", by)
        return self.start(session, before.station, by)

    def committed(self, stations: Sequence[str]) -> None:
        self._doors.orders.wake_those_here(stations)
        if self._migrating:
            self._doors.migrations.committed(self._migrating)

    def _expect(self, session: Session, station: str, by: str) -> None:
        to = OcppVersion(self._goal.ocpp)
        within = self._doors.return_within * 4
        self._doors.migrations.expect_in(
            session, station, to, within, by, "by its new firmware", campaign=self._campaign
        )
        self._migrating.append(station)


def _outcome(session: Session, goal: Goal, row: FirmwareUpdateRow) -> Outcome | None:
    if row.state in _BAD:
        words = ": ".join(part for part in (row.cause or row.state, row.reason) if part)
        return Outcome(OutcomeKind.FAILED, words)
    if not goal.ocpp:
        return Outcome(OutcomeKind.DONE, row.reason)
    query = select(MigrationRow).where(MigrationRow.station == row.station, MigrationRow.campaign == row.campaign)
    migration = session.exec(query.order_by(col(MigrationRow.id).desc())).first()
    if migration is None or migration.state == MigrationState.WELL:
        return Outcome(OutcomeKind.DONE, row.reason)
    if migration.state in (MigrationState.FAILED, MigrationState.CANCELLED):
        return Outcome(OutcomeKind.FAILED, f"it runs the release, and did not come back well: {migration.reason}")
    return None


def _revoked(session: Session, campaign: CampaignRow, goal: Goal) -> str:
    """The serial number of a revoked certificate behind what this campaign installs; empty when all are good."""
    used = select(FirmwareUpdateRow.firmware).where(FirmwareUpdateRow.campaign == campaign.id)
    query = select(FirmwareRow.signing_serial).where(
        (col(FirmwareRow.id) == goal.release) | col(FirmwareRow.id).in_(used),
        col(FirmwareRow.signing_serial).in_(select(RevokedRow.serial)),
    )
    return session.exec(query.limit(1)).first() or ""


def _harmed(session: Session, campaign: str, since: datetime) -> str:
    """Stations whose end says that the image, its signature or its effect is wrong; empty when there are none."""
    ended = (
        FirmwareUpdateRow.campaign == campaign,
        FirmwareUpdateRow.state == UpdateState.FAILED.value,
        col(FirmwareUpdateRow.cause).in_([cause.value for cause in HARMFUL]),
        col(FirmwareUpdateRow.ended_at) >= since,
    )
    query = select(FirmwareUpdateRow.station, FirmwareUpdateRow.cause).where(*ended)
    found = session.exec(query.order_by(col(FirmwareUpdateRow.id)).limit(_NAMED)).all()
    return ", ".join(f"{station}: {cause}" for station, cause in found)


def _strayed(session: Session, campaign: str, goal: Goal, since: datetime) -> str:
    """Stations that did not come back well on their new version of OCPP; empty when there are none."""
    query = select(MigrationRow.station).where(
        MigrationRow.campaign == campaign, MigrationRow.state == MigrationState.FAILED.value,
        col(MigrationRow.ended_at) >= since,
    )  # fmt: skip
    found = session.exec(query.limit(_NAMED)).all()
    return f"not back well on OCPP {goal.ocpp}: {', '.join(found)}" if found else ""


def _errors(session: Session, campaign: str, since: datetime) -> Errors:
    """What went wrong at the campaign's stations before and after, those that are done since."""
    row = FirmwareUpdateRow
    query = select(func.count(), func.sum(row.errors_before), func.sum(row.errors_after)).where(
        row.campaign == campaign, row.state == UpdateState.DONE.value, col(row.ended_at) >= since
    )
    stations, before, after = session.exec(query).one()
    return Errors(stations, before or 0, after or 0)
