"""The fleet's pace in the database: one row for all nodes, and what is seen of the authority and the stations."""

from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, or_, select

from csms_bridge.certificate_asks import AskState
from csms_bridge.renewal.pace import Measure, Pace, Signs, measured
from csms_bridge.renewal.rows import RenewalPaceRow
from csms_bridge.renewals import RenewalState
from csms_bridge.tables import CertificateAskRow, RenewalAskRow, StationRow
from pki.alarms import AlarmKind
from pki.tables import AlarmRow, AuthorityRow

FLEET = "fleet"
BY = "renewal"
ON_THE_WAY = timedelta(minutes=10)
"""A command that was sent longer ago has an end, or died with its process."""
LOOK = timedelta(seconds=8)
"""Between two looks at how things go, whichever nodes take them."""
_MINUTE, _HOUR, _LATELY = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=10)
_AWAKE = (RenewalState.SENT, RenewalState.ACCEPTED, RenewalState.ISSUED)
_ENDED = (RenewalState.RENEWED, RenewalState.FAILED)


def held(session: Session, now: datetime, *, wait: bool = False) -> RenewalPaceRow | None:
    """The row, this transaction's alone.

    None while another node has it, which asks whoever is due; unless it is to be waited for.
    """
    query = select(RenewalPaceRow).where(RenewalPaceRow.id == FLEET).execution_options(populate_existing=True)
    query = query.with_for_update(skip_locked=not wait)
    row = session.exec(query).first()
    if row is not None or session.exec(select(RenewalPaceRow.id).where(RenewalPaceRow.id == FLEET)).first():
        return row
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    texts = dict.fromkeys(("why", "paused_by", "paused_reason"), "")
    fresh = {"id": FLEET, "in_flight": 0, "alarming": False, "measured_at": now - _HOUR, **texts}
    session.execute(insert(RenewalPaceRow).values(fresh).on_conflict_do_nothing())
    return session.exec(query).first()


def measure(session: Session, row: RenewalPaceRow, pace: Pace, now: datetime) -> Measure:
    """How many may be under way now; looked at anew when the last look is old, or from a clock that was ahead."""
    if not timedelta(0) <= now - row.measured_at < LOOK:
        found = measured(row.in_flight, pace, signs_now(session, now))
        row.in_flight, row.why, row.alarming, row.measured_at = found.in_flight, found.why, found.alarming, now
        session.add(row)
    return Measure(min(row.in_flight, pace.in_flight), row.why, row.alarming)


def signs_now(session: Session, now: datetime) -> Signs:
    """What is seen of the authority and of the stations."""
    oldest = session.exec(
        select(func.min(CertificateAskRow.asked_at)).where(CertificateAskRow.state == AskState.ASKED.value)
    ).one()
    coming = select(func.count()).where(
        col(StationRow.updated_at) >= now - _LATELY, col(StationRow.connected_at) >= now - _LATELY
    )
    ends = select(RenewalAskRow.state, func.count()).where(
        col(RenewalAskRow.state).in_(_ENDED),
        col(RenewalAskRow.moved_at) >= now - _HOUR,
        col(RenewalAskRow.asked_at) >= now - 2 * _HOUR,
        RenewalAskRow.asked_by == BY,
    )
    ended = dict(session.exec(ends.group_by(col(RenewalAskRow.state))).all())
    return Signs(
        signer_away=_signer_is_away(session),
        waiting_for=max(timedelta(0), now - oldest) if oldest is not None else timedelta(0),
        coming=session.exec(coming).one(),
        ended=sum(ended.values()),
        failed=ended.get(RenewalState.FAILED, 0),
    )


def _signer_is_away(session: Session) -> bool:
    """Requests wait for it, or a key of the authorities for stations is missed, or the place of keys (two words)."""
    keys = select(AuthorityRow.key_name).where(AuthorityRow.post == "stations", AuthorityRow.status == "active")
    missed = (col(AlarmRow.kind) == AlarmKind.SIGNER_UNAVAILABLE) & or_(
        col(AlarmRow.thing).in_(keys), col(AlarmRow.thing).contains(" ")
    )
    waits = col(AlarmRow.kind) == AlarmKind.CERTIFICATES_WAITING
    query = select(AlarmRow.id).where(col(AlarmRow.cleared_at).is_(None), or_(missed, waits)).limit(1)
    return session.exec(query).first() is not None


def asked_lately(session: Session, now: datetime) -> int:
    """How many rounds asked in the last minute, on whatever node; what a clock that was ahead wrote does not count."""
    at = col(RenewalAskRow.asked_at)
    query = select(func.count()).where(RenewalAskRow.asked_by == BY, at > now - _MINUTE, at <= now + _MINUTE)
    return session.exec(query.select_from(RenewalAskRow)).one()


def in_flight(session: Session, now: datetime) -> int:
    """How many are on their way, whoever asked them, and what else waits for the authority."""
    at = col(RenewalAskRow.asked_at)
    awake = select(func.count()).where(col(RenewalAskRow.state).in_(_AWAKE), at > now - ON_THE_WAY, at <= now + _MINUTE)
    asked = select(RenewalAskRow.station).where(at > now - ON_THE_WAY, col(RenewalAskRow.state).in_(_AWAKE))
    others = select(func.count()).where(
        CertificateAskRow.state == AskState.ASKED.value, col(CertificateAskRow.station).not_in(asked)
    )
    return session.exec(awake.select_from(RenewalAskRow)).one() + session.exec(others).one()
