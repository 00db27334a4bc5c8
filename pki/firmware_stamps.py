"""Time stamps on firmware signatures (RFC 3161): good after the signing certificate's end, and against back-dating.

A stamp is over the octets of the signature, and the log entry commits to it. Where the time-stamping authority is away
the signature is recorded without, and stamped later.
"""

from base64 import b64decode

import structlog
from sqlalchemy import select, update
from sqlmodel import col

from pki.alarms import AlarmKind, Alarms
from pki.errors import PkiError
from pki.firmware_tables import FirmwareRow
from pki.store import Store
from pki.timestamps import Stamper, fresh_stamp

log = structlog.get_logger()
_THING = "time-stamping authority"
_AT_ONCE = 20  # requests in one round: each may take seconds


class FirmwareStamps:
    """Has signatures stamped. Without a stamper nothing happens."""

    def __init__(self, store: Store, alarms: Alarms, stamper: Stamper | None) -> None:
        self._store = store
        self._alarms = alarms
        self._stamper = stamper

    def stamped(self, signature: bytes) -> bytes | None:
        """A stamp over a signature that is about to be recorded; None when there is none to be had now."""
        return None if self._stamper is None else self._fresh(self._stamper, signature)

    def keep(self) -> int:
        """Stamp what has no stamp yet; how many were. A failure raises an alarm and is tried again next time."""
        if self._stamper is None:
            return 0
        done = 0
        for firmware_id, signature in self._bare():
            stamp = self._fresh(self._stamper, b64decode(signature))
            if stamp is None:
                break
            self._put(firmware_id, stamp)
            done += 1
        return done

    def _fresh(self, stamper: Stamper, signature: bytes) -> bytes | None:
        try:
            stamp = fresh_stamp(stamper, signature)
        except PkiError as fault:
            log.warning("firmware_not_stamped", fault=fault.sentence)
            self._alarms.sound(AlarmKind.FIRMWARE_NOT_STAMPED, _THING, fault.sentence)
            return None
        self._alarms.settle(AlarmKind.FIRMWARE_NOT_STAMPED, _THING)
        return stamp

    def _bare(self) -> list[tuple[str, str]]:
        columns = (col(FirmwareRow.id), col(FirmwareRow.signature))
        signed = (col(FirmwareRow.signature).is_not(None), col(FirmwareRow.stamp).is_(None))
        query = select(*columns).where(*signed).order_by(col(FirmwareRow.signed_at).desc()).limit(_AT_ONCE)
        with self._store.reading() as session:
            return [(row.id, row.signature) for row in session.execute(query)]

    def _put(self, firmware_id: str, stamp: bytes) -> None:
        bare = (col(FirmwareRow.id) == firmware_id, col(FirmwareRow.stamp).is_(None))
        with self._store.writing() as session:  # like a checkpoint's, it speaks for itself
            session.execute(update(FirmwareRow).where(*bare).values(stamp=stamp))
