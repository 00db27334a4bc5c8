"""The signer's unix socket: who may come, how many, and for how long.

The kernel says which user is at the other end (SO_PEERCRED, unix(7)); only users on the list get an answer. Each
connection has its thread; a fault in one ends that one.
"""

import contextlib
import os
import pwd
import socket
import struct
import threading
from collections.abc import Iterable
from pathlib import Path

import structlog

from pki.errors import VaultUnavailable
from pki.signer_process.client import PLACE
from pki.signer_process.desk import SignerDesk
from pki.signer_process.frames import ConnectionEnded, FrameBroken, receive, send

log = structlog.get_logger()

_MOST_CONNECTIONS = 64
_IDLE = 300.0  # seconds that a connection may rest
_WITHIN = 10.0  # seconds for the whole of a request, once it has begun
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class SignerServer:
    """Listens at `path` (mode 0660) and hands requests to `desk`."""

    def __init__(self, path: Path, desk: SignerDesk, allowed: frozenset[int]) -> None:
        self._path = path
        self._desk = desk
        self._allowed = allowed
        self._seats = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = listen_at(path)
        self._accepting = threading.Thread(target=self._accept, name="signer-accept", daemon=True)

    def start(self) -> None:
        """Take connections."""
        self._accepting.start()

    def stop(self) -> None:
        """Close everything; requests under way get no answer and will be asked again."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._path.unlink(missing_ok=True)
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if self._accepting.is_alive():
            self._accepting.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            if not self._seats.acquire(blocking=False):
                log.warning("signer_too_many_connections")
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="signer", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with connection:
                self._converse(connection)
        except (OSError, FrameBroken) as fault:
            log.info("signer_connection_ended", fault=str(fault))
        except Exception:
            log.exception("signer_connection_failed")
        finally:
            with self._lock:
                self._open.discard(connection)
            self._seats.release()

    def _converse(self, connection: socket.socket) -> None:
        uid = peer_of(connection)
        if uid not in self._allowed:
            self._desk.turned_away(uid, "this user may not ask for signatures")
            send(connection, {"error": {"kind": "away", "sentence": "this user may not ask for signatures"}})
            return
        while True:
            try:
                request = receive(connection, _IDLE, _WITHIN)
                answer = self._desk.answer(request, uid)
            except ConnectionEnded:
                return
            except FrameBroken as broken:
                self._desk.turned_away(uid, f"the request was {broken}")
                send(connection, {"error": {"kind": "refused", "code": "frame", "sentence": str(broken)}})
                return
            connection.settimeout(_WITHIN)
            send(connection, answer)


def listen_at(path: Path) -> socket.socket:
    """A listening unix socket, mode 0660; one that a dead process left behind is replaced.

    Raises VaultUnavailable when a living process listens there, or the path cannot be used.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead(path)
        before = os.umask(0o117)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(128)
    except OSError as fault:
        listening.close()
        raise VaultUnavailable(PLACE, f"cannot listen at {path}: {fault.strerror or fault}") from None
    except BaseException:
        listening.close()
        raise
    return listening


def peer_of(connection: socket.socket) -> int:
    """The user id of the process at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, uid, _gid = _CREDENTIALS.unpack(credentials)
    return int(uid)


def user_ids(users: Iterable[str]) -> frozenset[int]:
    """The numbers of users who are given by name or number; of nobody, our own. Raises VaultUnavailable."""
    found: set[int] = set()
    for user in users:
        try:
            found.add(int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid)
        except KeyError:
            raise VaultUnavailable(PLACE, f"there is no user {user!r} on this machine") from None
    return frozenset(found or {os.geteuid()})


def _remove_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.settimeout(1)
            trial.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise VaultUnavailable(PLACE, f"another process listens at {path} already")
