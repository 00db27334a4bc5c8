"""Which roots our servers showed when, and which stations connected under them: proof that a station trusts a root."""

import math
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from csms_bridge.tables import StationRow
from csms_bridge.trust.query import over_an_edge, shown_rsa
from csms_bridge.trust.rows import RootSightingRow, ServerChainRow
from pki.clock import Clock
from pki.keys import KeyFamily
from pki.store import Store

_OLD = timedelta(hours=1)
"""A proof is written again when it is older: a station that dials every minute is no news."""
_EVERY = 5.0  # seconds of this process


class TrustSightings:
    """One for each process; `margin` is how long a handshake may take that began before a change."""

    def __init__(self, store: Store, clock: Clock, node: str, margin: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._margin = margin
        self._looked: datetime | None = None
        self._next = -math.inf

    def shows(self, roots: Mapping[KeyFamily, frozenset[str]]) -> None:
        """From now on this node's servers show chains that end in these roots. The same again changes nothing."""
        now = self._clock()
        with self._store.writing() as session:
            shown = {row.family: row for row in session.exec(_open_chains(self._node))}
            for family in KeyFamily:
                names = ",".join(sorted(roots.get(family, ())))
                row = shown.get(family.value)
                if row is not None and row.roots == names:
                    continue
                if row is not None:
                    row.until = now
                    session.add(row)
                if names:
                    begins = now + self._margin if row is not None else now
                    session.add(ServerChainRow(node=self._node, family=family.value, roots=names, since=begins))

    def began(self) -> None:
        """The process begins: what the one before showed, nobody shows any more."""
        now = self._clock()
        with self._store.writing() as session:
            open_rows = update(ServerChainRow).where(
                col(ServerChainRow.node) == self._node, col(ServerChainRow.until).is_(None)
            )
            session.execute(open_rows.values(until=now))

    def round(self) -> None:
        """To be called every few seconds: who connected since the last time, and under which roots."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        self.look()

    def look(self) -> None:
        """The same at once."""
        now, since = self._clock(), self._looked
        with self._store.writing() as session:
            for chain in session.exec(select(ServerChainRow).where(ServerChainRow.node == self._node)):
                if chain.until is None or since is None or chain.until > since:
                    for root in chain.roots.split(","):
                        _note(session, chain, root, since, now)
        self._looked = now - self._margin


def _open_chains(node: str) -> Any:
    return select(ServerChainRow).where(ServerChainRow.node == node, col(ServerChainRow.until).is_(None))


def _note(session: Session, chain: ServerChainRow, root: str, since: datetime | None, now: datetime) -> None:
    """Everybody whose last connection was made while this chain was shown, in one statement."""
    row, seen = StationRow, RootSightingRow
    name = "among_at" if "," in chain.roots else "alone_at"
    at = col(seen.among_at) if name == "among_at" else col(seen.alone_at)
    known = select(seen.station).where(seen.station == row.id, seen.root == root, at > now - _OLD)
    connected = [
        col(row.node) == chain.node,
        col(row.tls_version).is_not(None),
        col(row.connected_at) >= chain.since,
        shown_rsa() if chain.family == KeyFamily.RSA else ~shown_rsa(),
        ~over_an_edge(),
        ~known.exists(),
    ]
    connected += [col(row.connected_at) < chain.until] if chain.until is not None else []
    connected += [col(row.updated_at) >= since] if since is not None else []
    fresh = select(col(row.id), literal(root), col(row.connected_at)).where(*connected)
    insert = postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
    written = insert(seen).from_select(["station", "root", name], fresh)
    session.execute(
        written.on_conflict_do_update(index_elements=["station", "root"], set_={name: written.excluded[name]})
    )
