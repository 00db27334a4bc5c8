"""What is the case with a roll-over now, as the steps' rules ask for it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from pki.chain_choices import read_links
from pki.chains import Link, find_way
from pki.errors import NoChain
from pki.hierarchy import AuthorityKind, AuthorityStatus
from pki.profiles import AUDIT, CROSS, ISSUING, RESPONDER, ROOT
from pki.revocation import ALL_SHARDS, RevocationReason
from pki.rollover_steps import Facts, RolloverStep, StepName
from pki.tables import AuthorityRow, CertificateRow, ChainChoiceRow, CredentialRow, CrlRow, RevokedRow

_MANY = 1000  # certificates are counted up to here: beyond it the number makes no difference
_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)
# Made for authorities and by the service for itself; nobody is refused when these end.
_NO_LEAVES = (ROOT, ISSUING, CROSS, RESPONDER, AUDIT)
_SERVERS = "server-"


def facts_of(
    session: Session, old: str, new: str, step: RolloverStep, note: str, can_sign: Callable[[str], bool], now: datetime
) -> Facts:
    """The facts that `step` of the roll-over from `old` to `new` asks for. `can_sign` tries the key of a name."""
    rows = {row.name: row for row in session.execute(select(AuthorityRow)).scalars()}
    leaving, coming = family_of(old, rows), family_of(new, rows)
    is_root = rows[old].kind == AuthorityKind.ROOT
    asks = {check.__name__ for check in step.needs}
    return Facts(
        is_root=is_root,
        now=now,
        old=leaving,
        new=coming,
        old_ends=rows[old].not_after,
        new_begins=max(rows[name].not_before for name in coming),
        new_ends=rows[new].not_after,
        unpublished=_unpublished(session, coming),
        unusable=tuple(name for name in coming if not can_sign(rows[name].key_name)) if "keys_can_sign" in asks else (),
        cut_off=_cut_off(read_links(session), coming[1:], old, now) if is_root else (),
        leaves=leaves_of(session, leaving, now) if step.name is StepName.RETIRE_OLD else 0,
        wishes=_wishes(session, old),
        servers=_servers(session, leaving, now),
        note=note,
    )


def family_of(name: str, rows: Mapping[str, AuthorityRow]) -> tuple[str, ...]:
    """The authority and those below it that are not gone, parents first."""
    below = sorted(one for one, row in rows.items() if row.parent == name and row.status not in _GONE)
    return (name, *(member for one in below for member in family_of(one, rows)))


def _unpublished(session: Session, names: Sequence[str]) -> tuple[str, ...]:
    waiting = select(col(CrlRow.authority)).where(
        col(CrlRow.authority).in_(names), col(CrlRow.shard) != ALL_SHARDS, col(CrlRow.this_update).is_(None)
    )
    return tuple(sorted(set(session.execute(waiting).scalars())))


def _cut_off(links: Sequence[Link], names: Sequence[str], root: str, now: datetime) -> tuple[str, ...]:
    return tuple(name for name in names if not _leads(links, name, root, now))


def _leads(links: Sequence[Link], name: str, root: str, now: datetime) -> bool:
    try:
        find_way(name, root, links, now)
    except NoChain:
        return False
    return True


def leaves_of(session: Session, names: Sequence[str], now: datetime) -> int:
    """Certificates that are neither over nor revoked for good; of our own servers' the last ones count elsewhere."""
    our_server = (
        select(col(CredentialRow.serial))
        .where(col(CredentialRow.serial) == col(CertificateRow.serial), col(CredentialRow.slot).startswith(_SERVERS))
        .exists()
    )
    held = col(RevokedRow.reason) == RevocationReason.CERTIFICATE_HOLD.value
    some = (
        select(col(CertificateRow.id))
        .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
        .where(
            col(CertificateRow.authority).in_(names),
            col(CertificateRow.not_after) >= now,
            col(CertificateRow.profile).not_in(_NO_LEAVES),
            or_(col(RevokedRow.serial).is_(None), held),
            ~our_server,
        )
        .limit(_MANY)
    )
    return int(session.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def _wishes(session: Session, root: str) -> int:
    wishes = select(func.count()).select_from(ChainChoiceRow).where(col(ChainChoiceRow.root) == root)
    return int(session.execute(wishes).scalar_one())


def _servers(session: Session, names: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Slots of our servers whose newest certificate comes from one of these authorities."""
    query = (
        select(col(CredentialRow.slot), col(CertificateRow.authority))
        .join(CertificateRow, col(CertificateRow.serial) == col(CredentialRow.serial))
        .where(col(CredentialRow.slot).startswith(_SERVERS), col(CertificateRow.not_after) >= now)
        .order_by(col(CertificateRow.id))
    )
    newest = dict(session.execute(query).all())
    return tuple(sorted(slot for slot, authority in newest.items() if authority in names))
