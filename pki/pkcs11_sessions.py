"""Sessions with a PKCS#11 token: a pool, one login, and a fresh start after the token was away.

A session serves one thread at a time. The login holds for the whole process (PKCS#11 v3.0 §5.6), so the first session
logs in and the others need not. A wrong PIN is never tried twice: after three tries many tokens lock themselves.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pkcs11.exceptions import (
    AttributeTypeInvalid,
    AttributeValueInvalid,
    DataLenRange,
    DomainParamsInvalid,
    KeySizeRange,
    KeyTypeInconsistent,
    MechanismInvalid,
    MechanismParamInvalid,
    MultipleObjectsReturned,
    NoSuchKey,
    NoSuchToken,
    PinExpired,
    PinIncorrect,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    TemplateInconsistent,
    TokenWriteProtected,
    UserAlreadyLoggedIn,
    UserPinNotInitialized,
)

from pki.errors import PkiError, VaultUnavailable
from pki.pkcs11_module import Module, module_at
from pki.secret_text import Secret

log = structlog.get_logger()

_ABOUT_THE_PIN = (PinIncorrect, PinLocked, PinExpired, PinLenRange, UserPinNotInitialized)
# What starting afresh would not change.
ABOUT_THE_ACT = (
    AttributeTypeInvalid,
    AttributeValueInvalid,
    DataLenRange,
    DomainParamsInvalid,
    KeySizeRange,
    KeyTypeInconsistent,
    MechanismInvalid,
    MechanismParamInvalid,
    MultipleObjectsReturned,
    TemplateInconsistent,
    TokenWriteProtected,
)
_LONGEST_WAIT = 30.0  # seconds for a session to come free

Result = TypeVar("Result")


class TokenSessions:
    """At most `most` sessions with the token called `token`."""

    def __init__(self, module: Path, token: str, pin: Secret, most: int) -> None:
        self._path = str(module)
        self._label = token
        self._pin = pin
        self._most = most
        self._free = threading.Condition()
        self._generation = -1
        self._idle: list[Any] = []
        self._busy = 0
        self._token: Any = None
        self._login: Any = None  # the session that logged in; the login ends with the last session
        self._pin_fault: VaultUnavailable | None = None

    def run(self, act: Callable[[Any], Result]) -> Result:
        """`act` with a session of its own; once more after a fresh start, when the token does not know us any more.

        Raises VaultUnavailable, NoSuchKey, ABOUT_THE_ACT, and what else `act` raises.
        """
        module = self._module()
        try:
            return self._attempt(module, act)
        except ABOUT_THE_ACT:
            raise
        except NoSuchKey:
            if self._is_there(module):
                raise
        except PKCS11Error as fault:
            log.warning("token_lost", token=self._label, fault=_said(fault))
        return self._attempt_afresh(module, act)

    def _attempt_afresh(self, module: Module, act: Callable[[Any], Result]) -> Result:
        try:
            module.start_afresh(self._generation)
            return self._attempt(module, act)
        except (NoSuchKey, *ABOUT_THE_ACT):
            raise
        except NoSuchToken:
            raise self._unavailable("there is no such token in its slots") from None
        except PKCS11Error as fault:
            raise self._unavailable(_said(fault)) from None

    def _attempt(self, module: Module, act: Callable[[Any], Result]) -> Result:
        with module.use() as generation, self._session(module, generation) as session:
            return act(session)

    @contextmanager
    def _session(self, module: Module, generation: int) -> Iterator[Any]:
        session = self._take(module, generation)
        is_good = False
        try:
            yield session
            is_good = True
        except (NoSuchKey, *ABOUT_THE_ACT, PkiError, ValueError):
            is_good = True
            raise
        finally:
            self._give_back(session if is_good else None, generation)

    def _take(self, module: Module, generation: int) -> Any:
        with self._free:
            if not self._free.wait_for(lambda: self._idle or self._busy < self._most, _LONGEST_WAIT):
                raise self._unavailable("all of its sessions are busy")
            if generation != self._generation:  # what we had died with the module's last start
                self._generation, self._idle, self._token, self._login = generation, [], None, None
            session = self._idle.pop() if self._idle else self._open(module)
            self._busy += 1
            return session

    def _give_back(self, session: Any, generation: int) -> None:
        with self._free:
            self._busy -= 1
            if session is not None and generation == self._generation:
                self._idle.append(session)
            self._free.notify_all()

    def _open(self, module: Module) -> Any:
        if self._pin_fault is not None:
            raise self._pin_fault
        if self._token is None:
            self._log_in(module)
        return self._token.open(rw=True)

    def _log_in(self, module: Module) -> None:
        token = module.library.get_token(token_label=self._label)
        try:
            self._login = token.open(rw=True, user_pin=self._pin.text())
        except UserAlreadyLoggedIn:  # something else in this process uses the same token
            self._login = token.open(rw=True)
        except _ABOUT_THE_PIN as fault:
            self._pin_fault = self._unavailable(f"it does not take the PIN ({type(fault).__name__})")
            raise self._pin_fault from None
        self._token = token

    def _module(self) -> Module:
        try:
            return module_at(self._path)
        except (PKCS11Error, OSError, AttributeError) as fault:
            raise self._unavailable(f"the module {self._path} cannot be loaded: {_said(fault)}") from None

    def _is_there(self, module: Module) -> bool:
        """Whether the token answers. One that was pulled out may still list its slot, and no keys in it."""
        with suppress(PKCS11Error), module.use():
            return bool(module.library.get_token(token_label=self._label))
        return False

    def _unavailable(self, why: str) -> VaultUnavailable:
        return VaultUnavailable(f"PKCS#11 token {self._label}", why)


def _said(fault: BaseException) -> str:
    return str(fault) or type(fault).__name__
