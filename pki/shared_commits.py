"""Group commit for SQLite: those who queue for the one write transaction share it, and wait for the disk once.

Whoever finds nobody waiting commits at once, as if alone. Else the open transaction is handed on: the next one works in
a savepoint of it, and so on, until nobody waits or it has been open for long enough; the last one commits for all.
Nobody goes on before the commit. What one of them does wrong is undone to its savepoint and is that one's alone; when
the commit fails, none of them has written anything, and each is told so.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm.session import JoinTransactionMode
from sqlmodel import Session

_LONGEST = 0.02  # seconds that a transaction is handed on: several times what the disk takes for a commit
_MOST = 256  # parts in one transaction


class SharedCommits:
    """Write transactions of one database, one part at a time, in the order in which they came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns()
        self._open: _Transaction | None = None  # belongs to whose turn it is

    @contextmanager
    def part(self) -> Iterator[Session]:
        """A session of one's own; what it wrote is committed when the block has ended without a fault.

        Raises RuntimeError in a thread that has a part already, and whatever the database says.
        """
        with self._turns:
            transaction = self._open = self._open or _Transaction(self._engine)
            try:
                with transaction.part() as session:
                    yield session
            finally:
                if not (self._turns.is_awaited and transaction.may_go_on):
                    self._open = None
                    transaction.end()
        transaction.wait()


class _Transaction:
    """One transaction and those who have written in it."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        try:
            self._whole = self._connection.begin()
        except BaseException:
            self._connection.close()
            raise
        self._began = time.monotonic()
        self._parts = 0
        self._is_sound = True
        self._ended = threading.Event()
        self._fault: BaseException | None = None

    @contextmanager
    def part(self) -> Iterator[Session]:
        """The first part needs no savepoint: when it fails, the whole is undone."""
        mode: JoinTransactionMode = "create_savepoint" if self._parts else "rollback_only"
        try:
            session = Session(self._connection, expire_on_commit=False, join_transaction_mode=mode)
            with session, session.begin():
                yield session
            self._parts += 1
        except BaseException as fault:
            self._is_sound = False
            if self._is_gone:
                self._fault = fault
            raise

    @property
    def may_go_on(self) -> bool:
        """Whether one more part may be added."""
        return self._is_sound and self._parts < _MOST and time.monotonic() - self._began < _LONGEST

    def end(self) -> None:
        """Commit, for all who wait. What goes wrong is theirs, and raised by `wait`."""
        try:
            if self._parts and self._fault is None:
                self._whole.commit()
        except BaseException as fault:
            self._fault = fault
            self._connection.invalidate()  # else it would come back from the pool with its transaction open
        finally:
            self._connection.close()
            self._ended.set()

    def wait(self) -> None:
        """Until it is committed. Raises what kept it from being."""
        self._ended.wait()
        if self._fault is not None:
            raise self._fault

    @property
    def _is_gone(self) -> bool:
        """Whether SQLite undid the whole of it, as it does when the disk is full: a commit would pass for a success."""
        return not getattr(self._connection.connection.driver_connection, "in_transaction", False)


class Turns:
    """One after the other, in the order in which they came.

    A plain lock goes to whoever is awake, mostly to the one that just gave it back: a thread that publishes a hundred
    revocation lists would keep all others waiting. A nested use gets an error, where SQLite would wait for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._queue: deque[threading.Event] = deque()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits, who will get the next turn for certain."""
        with self._lock:
            return bool(self._queue)

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._lock:
            if self._owner == me:
                raise RuntimeError("a write transaction is open in this thread already")
            if self._owner is None and not self._queue:
                self._owner = me
                return
            turn = threading.Event()
            self._queue.append(turn)
        turn.wait()
        self._owner = me

    def __exit__(self, *_: object) -> None:
        with self._lock:
            # Handed on, not given up: nobody who comes now gets in before the one who has waited.
            self._owner = _NOBODY if self._queue else None
            if self._queue:
                self._queue.popleft().set()


_NOBODY = -1  # no thread has this number
