"""A PKCS#11 module, loaded once in a process, ready for several threads, and started afresh when it has to be.

python-pkcs11 initializes a module as if one thread only would use it (no C_INITIALIZE_ARGS, PKCS#11 v2.40 §5.4), and
SoftHSM crashes when several do. So the module is initialized again with CKF_OS_LOCKING_OK; one that cannot lock
serves one thread at a time.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pkcs11
import structlog
from pkcs11.exceptions import PKCS11Error

log = structlog.get_logger()

_LOCKING_OK = 2  # CKF_OS_LOCKING_OK
_LONGEST_WAIT = 30.0  # seconds until everybody is out

_loaded: dict[str, "Module"] = {}
_loading = threading.Lock()


class Module:
    """One shared library. Get it with `module_at`."""

    def __init__(self, path: str) -> None:
        self.library: Any = pkcs11.lib(path)
        self.generation = 0
        self._initialize, self._finalize = _entry_points(path)
        self._guard = threading.Condition()
        self._inside = 0
        self._most = 1 << 30
        self._start()

    @contextmanager
    def use(self) -> Iterator[int]:
        """To be held around every call into the module; gives the generation that handles belong to."""
        with self._guard:
            if not self._guard.wait_for(lambda: self._inside < self._most, _LONGEST_WAIT):
                raise PKCS11Error("the module is busy")
            self._inside += 1
            generation = self.generation
        try:
            yield generation
        finally:
            with self._guard:
                self._inside -= 1
                self._guard.notify_all()

    def start_afresh(self, generation: int) -> None:
        """Finalize and initialize, unless somebody did so since `generation`. Raises PKCS11Error.

        Only once nobody is inside: finalizing pulls the library away under all of them.
        """
        with self._guard:
            if not self._guard.wait_for(lambda: self._inside == 0, _LONGEST_WAIT):
                raise PKCS11Error("the module does not answer")
            if self.generation == generation:
                self.generation += 1
                self._start()

    def _start(self) -> None:
        self._finalize(None)
        if self._initialize(ctypes.byref(_InitializeArguments(flags=_LOCKING_OK))) == 0:
            return
        log.warning("pkcs11_module_serves_one_thread")
        self._most = 1
        if result := self._initialize(None):
            raise PKCS11Error(f"C_Initialize says 0x{result:x}")


def module_at(path: str) -> Module:
    """The module in this file, loaded when nobody did before. Raises PKCS11Error, OSError."""
    with _loading:
        if path not in _loaded:
            _loaded[path] = Module(path)
        return _loaded[path]


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS without mutexes of ours (PKCS#11 v2.40 §3.7)."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = (("version", ctypes.c_ubyte * 2), ("initialize", ctypes.c_void_p), ("finalize", ctypes.c_void_p))


def _entry_points(path: str) -> tuple[Any, Any]:
    """C_Initialize and C_Finalize. The one function that every module exports leads to them."""
    functions = ctypes.POINTER(_FunctionList)()
    ctypes.CDLL(path).C_GetFunctionList(ctypes.byref(functions))
    prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
    return prototype(functions.contents.initialize), prototype(functions.contents.finalize)
