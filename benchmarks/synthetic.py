"""A database filled as if the authority had long been at work: rows of which nothing was ever signed."""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from pki.revocation import count_change
from pki.store import Store
from pki.to_be_signed import new_serial

_CERTIFICATES = SQLModel.metadata.tables["certificates"]
_REVOCATIONS = SQLModel.metadata.tables["revoked"]
_AT_ONCE = 20_000
_DER = 600  # octets; a station's certificate has about as many
_REVOKED = 100  # every hundredth is revoked


def fill(store: Store, count: int, now: datetime, authority: str = "stations", shards: int = 16) -> None:
    """So many certificates of an authority, one in a hundred of them revoked."""
    for start in range(0, count, _AT_ONCE):
        certificates = list(_certificates(start, min(_AT_ONCE, count - start), now, authority, shards))
        with store.writing() as session:
            if session.get_bind().dialect.name == "sqlite":  # else the indexes are read from disk for each row
                session.connection().exec_driver_sql("PRAGMA cache_size = -1000000")
            session.execute(insert(_CERTIFICATES), certificates)
            session.execute(insert(_REVOCATIONS), [_revoked(one, now) for one in certificates[::_REVOKED]])
    with store.writing() as session:
        for shard in range(shards):
            count_change(session, authority, shard)


def _certificates(start: int, count: int, now: datetime, authority: str, shards: int) -> Iterator[dict[str, Any]]:
    for number in range(start, start + count):
        serial = new_serial()
        digest = hashlib.sha256(serial.encode()).hexdigest()
        yield {
            "serial": serial,
            "sha256": digest,
            "spki_sha256": digest[::-1],
            "subject": f"CN=synthetic-{number},O=Benchmark Operator",
            "common_name": f"synthetic-{number}",
            "station": f"synthetic-{number}",
            "authority": authority,
            "profile": "station",
            "not_before": now,
            "not_after": now + timedelta(days=90),
            "crl_shard": int(serial, 16) % shards,
            "created_at": now,
            "der": os.urandom(_DER),
        }


def _revoked(certificate: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "serial": certificate["serial"],
        "authority": certificate["authority"],
        "shard": certificate["crl_shard"],
        "not_after": certificate["not_after"],
        "revoked_at": now,
        "recorded_at": now,
        "reason": "superseded",
        "note": "",
        "by": "bench",
    }
