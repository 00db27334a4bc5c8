"""Time stamps on checkpoints (RFC 3161): somebody else's word that a statement existed at a time.

Whoever has all our keys can still not make a checkpoint look older than it is. A stamp is verified before it is kept,
and it covers everything before, since each checkpoint names the one before. How the request gets to the time-stamping
authority is not our business here: `send` takes a TimeStampReq and gives a TimeStampResp, both in DER.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from sqlalchemy import update
from sqlmodel import col

from pki.alarms import AlarmKind, Alarms
from pki.checkpoint import Checkpoint
from pki.checkpoints import last_checkpoint
from pki.errors import PkiError, StampRefused
from pki.foreign_certificates import UNREADABLE
from pki.store import Store
from pki.tables import CheckpointRow

log = structlog.get_logger()

_THING = "time-stamping authority"


@dataclass(frozen=True, slots=True)
class Stamper:
    """The time-stamping authority that we use: how to ask it, and the certificates that we trust it by.

    `send` raises StampRefused when there is no answer.
    """

    send: Callable[[bytes], bytes]
    certificates: tuple[x509.Certificate, ...]


class Stamps:
    """Has the newest checkpoint stamped. Without a stamper nothing happens."""

    def __init__(self, store: Store, alarms: Alarms, stamper: Stamper | None) -> None:
        self._store = store
        self._alarms = alarms
        self._stamper = stamper

    def keep(self) -> None:
        """Stamp the newest checkpoint if it has none yet. A failure raises an alarm and is tried again next time."""
        if self._stamper is None:
            return
        with self._store.reading() as session:
            newest = last_checkpoint(session)
        if newest is None or newest.is_stamped:
            return
        try:
            stamp = fresh_stamp(self._stamper, newest.statement.encode())
        except PkiError as fault:
            log.warning("checkpoint_not_stamped", number=newest.number, fault=fault.sentence)
            self._alarms.sound(AlarmKind.CHECKPOINT_NOT_STAMPED, _THING, fault.sentence)
            return
        self._put(newest.number, stamp)
        self._alarms.settle(AlarmKind.CHECKPOINT_NOT_STAMPED, _THING)

    @property
    def check(self) -> Callable[[Checkpoint], str | None] | None:
        """What verifies a checkpoint's stamp; None when no time-stamping authority is trusted."""
        return None if self._stamper is None else stamp_check(self._stamper.certificates)

    def _put(self, number: int, stamp: bytes) -> None:
        bare = (col(CheckpointRow.id) == number, col(CheckpointRow.stamp).is_(None))
        with self._store.writing() as session:  # the stamp speaks for itself; a record of it would ask for another one
            session.execute(update(CheckpointRow).where(*bare).values(stamp=stamp))


def fresh_stamp(stamper: Stamper, data: bytes) -> bytes:
    """A verified TimeStampResp (DER) over `data`. Raises StampRefused."""
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = stamper.send(request.as_bytes())
    stamped_at(answer, data, stamper.certificates, request)
    return answer


def stamped_at(
    stamp: bytes, data: bytes, certificates: tuple[x509.Certificate, ...], request: TimeStampRequest | None = None
) -> datetime:
    """The time in a good stamp over `data`; with `request` it must answer that very one. Raises StampRefused."""
    try:
        response = decode_timestamp_response(stamp)
        _verify(response, data, certificates, request)
        return response.tst_info.gen_time
    except VerificationError as fault:
        raise StampRefused(str(fault)) from None
    except ValueError as fault:
        raise StampRefused(f"it is not a time stamp ({fault})") from None


def stamp_check(certificates: tuple[x509.Certificate, ...]) -> Callable[[Checkpoint], str | None]:
    """Says what is wrong with a checkpoint's stamp; None when all is well."""

    def fault_of(checkpoint: Checkpoint) -> str | None:
        try:
            stamped_at(checkpoint.stamp or b"", checkpoint.statement.encode(), certificates)
        except StampRefused as fault:
            return fault.why
        return None

    return fault_of


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM file. Raises StampRefused."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, *UNREADABLE) as fault:
        raise StampRefused(f"the certificates in {path} cannot be read ({fault})") from None


def _verify(
    response: TimeStampResponse,
    data: bytes,
    certificates: tuple[x509.Certificate, ...],
    request: TimeStampRequest | None,
) -> None:
    roots = [one for one in certificates if one.issuer == one.subject]
    between = [one for one in certificates if one.issuer != one.subject]
    if not roots:
        raise StampRefused("no root certificate of the time-stamping authority is known")
    nonce = request.nonce if request is not None else None
    VerifierBuilder(roots=roots, intermediates=between, nonce=nonce).build().verify_message(response, data)
