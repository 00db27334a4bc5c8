"""What the database says was reserved and ordered, as the signer reads it: nothing is signed without."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from pki.firmware_tables import FirmwareRow
from pki.keys import SignatureScheme
from pki.store import Store
from pki.tables import CredentialRow, IntentRow, SerialRow

_AT_ONCE = 500  # names in one query; SQLite takes 32766, older ones 999


@dataclass(frozen=True, slots=True)
class Reservation:
    """A serial number that was claimed, and what was then intended for it."""

    serial: str
    authority: str
    profile: str
    spki_sha256: str
    to_be_signed: bytes
    settled: str | None
    intended_at: datetime


class Reservations:
    """Reads, and never writes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, serials: Sequence[str]) -> dict[str, Reservation]:
        """What is on record of these serial numbers (lower-case hex)."""
        found: dict[str, Reservation] = {}
        for start in range(0, len(serials), _AT_ONCE):
            found |= self._some(serials[start : start + _AT_ONCE])
        return found

    def is_firmware_key(self, key_name: str) -> bool:
        """Whether a firmware signer's certificate names this key."""
        query = select(col(CredentialRow.serial)).where(
            col(CredentialRow.key_name) == key_name, col(CredentialRow.slot).like("firmware%")
        )
        with self._store.reading() as session:
            return session.execute(query.limit(1)).first() is not None

    def is_firmware_ordered(self, digest: bytes, scheme: SignatureScheme) -> bool:
        """Whether an approved order waits for this signature."""
        query = select(col(FirmwareRow.id)).where(
            col(FirmwareRow.digest) == digest.hex(),
            col(FirmwareRow.scheme) == scheme.value,
            col(FirmwareRow.state) == "approved",
            col(FirmwareRow.signature).is_(None),
        )
        with self._store.reading() as session:
            return session.execute(query.limit(1)).first() is not None

    def _some(self, serials: Sequence[str]) -> dict[str, Reservation]:
        columns = (
            SerialRow.serial, SerialRow.authority, SerialRow.profile, SerialRow.spki_sha256,
            IntentRow.to_be_signed, IntentRow.settled, IntentRow.created_at,
        )  # fmt: skip
        query = (
            select(*map(col, columns))
            .join(IntentRow, col(IntentRow.serial) == col(SerialRow.serial))
            .where(col(SerialRow.serial).in_(serials))
        )
        with self._store.reading() as session:
            return {row[0]: Reservation(*row) for row in session.execute(query)}
