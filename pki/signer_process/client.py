"""The signer process as the other processes see it: a vault behind a unix socket."""

import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.serialization import load_der_public_key

from pki.errors import KeyExists, PkiError, SignerRefused, SignerUnavailable, VaultUnavailable
from pki.keys import KeyAlgorithm, PublicKey, SignatureScheme, algorithm_of, check_key_strength, check_scheme
from pki.signer_process.frames import (
    MOST_AT_ONCE,
    ConnectionEnded,
    FrameBroken,
    Message,
    decode,
    encode,
    receive,
    send,
)
from pki.vault import check_key_name

PLACE = "signer process"
_KEPT = 8  # idle connections


class ProcessVault:
    """Signs through the socket at `path`. A request may take `timeout`; connections are kept and used again."""

    def __init__(self, path: Path, timeout: timedelta) -> None:
        self._path = path
        self._timeout = timeout.total_seconds()
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._signers: dict[str, ProcessSigner] = {}

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> "ProcessSigner":
        """See Vault. Raises SignerRefused for the key of an authority outside a ceremony."""
        self.ask({"do": "make", "key": check_key_name(name), "algorithm": algorithm.value})
        return self.signer(name)

    def signer(self, name: str) -> "ProcessSigner":
        """See Vault."""
        if name not in self._signers:
            answer = self.ask({"do": "find", "key": check_key_name(name)})
            self._signers[name] = ProcessSigner(name, _public_key(answer), self)
        return self._signers[name]

    def holds(self, name: str) -> bool:
        """See Vault."""
        return bool(self.ask({"do": "holds", "key": check_key_name(name)}).get("holds"))

    def forget(self, name: str) -> None:
        """See Vault. Raises SignerRefused for a key that is needed."""
        self._signers.pop(name, None)
        self.ask({"do": "forget", "key": check_key_name(name)})

    def where(self, name: str) -> str:
        """See Vault."""
        return f"{PLACE} at {self._path}, key {name}"

    def close(self) -> None:
        """Let the connections go."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        self.close()

    def ask(self, request: Message) -> Message:
        """The answer to a request; raises the error that it names, or VaultUnavailable.

        A kept connection may have ended meanwhile, with the process at the other end. Asking again is safe: the same
        octets are signed once, however often they are sent.
        """
        name = str(request.get("key"))
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        try:
            if kept is not None:
                try:
                    return _checked(name, self._exchange(kept, request))
                except (ConnectionEnded, BrokenPipeError, ConnectionResetError):
                    pass
            return _checked(name, self._exchange(self._connect(), request))
        except (OSError, FrameBroken) as fault:
            raise VaultUnavailable(PLACE, _said(fault)) from None

    def _exchange(self, connection: socket.socket, request: Message) -> Message:
        try:
            connection.settimeout(self._timeout)
            send(connection, request)
            answer = receive(connection, self._timeout, self._timeout)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return answer

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._timeout)
            connection.connect(str(self._path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


class ProcessSigner:
    """A key that the signer process holds."""

    def __init__(self, name: str, public_key: PublicKey, vault: ProcessVault) -> None:
        self.name = name
        self.public_key = public_key
        self.algorithm = algorithm_of(public_key)
        self._vault = vault

    def sign(self, to_be_signed: bytes) -> bytes:
        """See Signer. Raises SignerRefused too."""
        outcome = self.sign_each([to_be_signed])[0]
        if isinstance(outcome, PkiError):
            raise outcome
        return outcome

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """See Signer. One round trip for all of them, as far as a frame goes."""
        outcomes: list[bytes | PkiError] = []
        for start in range(0, len(many), MOST_AT_ONCE):
            lot = many[start : start + MOST_AT_ONCE]
            try:
                outcomes += self._lot(lot)
            except SignerUnavailable as fault:
                outcomes += [fault] * len(lot)
        return outcomes

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        check_scheme(self.algorithm, scheme)
        request = {"do": "digest", "key": self.name, "digest": encode(digest), "scheme": scheme.value}
        try:
            return decode(self._vault.ask(request).get("signature"))
        except FrameBroken as fault:
            raise VaultUnavailable(PLACE, _said(fault)) from None

    def _lot(self, lot: Sequence[bytes]) -> list[bytes | PkiError]:
        answer = self._vault.ask({"do": "sign", "key": self.name, "items": [encode(item) for item in lot]})
        outcomes = answer.get("outcomes")
        if not isinstance(outcomes, list) or len(outcomes) != len(lot):
            raise VaultUnavailable(PLACE, "its answer is no answer to what was asked")
        return [self._outcome(one) for one in outcomes]

    def _outcome(self, one: object) -> bytes | PkiError:
        try:
            if not isinstance(one, dict):
                raise FrameBroken("an outcome that is no object")
            return decode(_checked(self.name, one).get("signature"))
        except PkiError as fault:
            return fault
        except FrameBroken as fault:
            return VaultUnavailable(PLACE, _said(fault))


def _public_key(answer: Message) -> PublicKey:
    try:
        return check_key_strength(load_der_public_key(decode(answer.get("public_key"))))
    except (FrameBroken, ValueError, PkiError) as fault:
        raise VaultUnavailable(PLACE, f"it names no public key of ours ({_said(fault)})") from None


def _checked(name: str, answer: Message) -> Message:
    error = answer.get("error")
    if isinstance(error, dict):
        _raise(name, str(error.get("kind")), str(error.get("code")), str(error.get("sentence")))
    return answer


def _raise(name: str, kind: str, code: str, sentence: str) -> NoReturn:
    match kind:
        case "refused":
            raise SignerRefused(name, code, sentence)
        case "missing":
            raise SignerUnavailable(name, sentence)
        case "exists":
            raise KeyExists(sentence)
    raise VaultUnavailable(PLACE, sentence)


def _said(fault: BaseException) -> str:
    return getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
