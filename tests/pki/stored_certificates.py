"""Certificates put into the database without being signed: for what reads many rows and looks at none of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pki.revocation import RevocationReason
from pki.store import Store
from pki.tables import CertificateRow, RevokedRow


@dataclass(frozen=True)
class Stored:
    """One certificate; `made` and `ends` are days from now."""

    serial: str
    station: str | None = "CS-1"
    ends: float = 60
    made: float = -30
    name: str = ""
    authority: str = "stations"
    profile: str = "station"
    key: str = ""
    reason: RevocationReason | None = None


def store_certificates(store: Store, stored: Sequence[Stored], now: datetime) -> None:
    """Write the rows in this order; the revoked ones are revoked in this order too, a second apart."""
    with store.writing() as session:
        for number, one in enumerate(stored):
            ends = now + timedelta(days=one.ends)
            made = now + timedelta(days=one.made)
            session.add(
                CertificateRow(
                    serial=one.serial, sha256=hashlib.sha256(one.serial.encode()).hexdigest(),
                    spki_sha256=one.key or hashlib.sha256(b"key " + one.serial.encode()).hexdigest(),
                    subject=f"CN={one.name or one.station}", common_name=one.name or one.station or "",
                    station=one.station, authority=one.authority, profile=one.profile, not_before=made,
                    not_after=ends, crl_shard=0, created_at=made, der=b"\x30\x00",
                )
            )  # fmt: skip
            session.flush()
            if one.reason is not None:
                at = now + timedelta(seconds=number)
                session.add(
                    RevokedRow(
                        serial=one.serial, authority=one.authority, shard=0, not_after=ends, revoked_at=at,
                        recorded_at=at, reason=one.reason.value, note="", by="user:ada",
                    )
                )  # fmt: skip
