"""Certificate requests of stations as values, as rows, and as they stand in the audit trail."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.events import CertificateAsked
from csms_bridge.quirks.quirks import Chain, Quirks
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow
from pki.audit import Entry

_BLOCKS = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
LONGEST_CHAIN = 10_000
"""Characters of `certificateChain` in all versions; a station may take less."""


class AskState(StrEnum):
    """Where a certificate request stands."""

    ASKED = "asked"
    ISSUED = "issued"
    SENT = "sent"
    TAKEN = "taken"
    REJECTED = "rejected"
    REFUSED = "refused"


OPEN = (AskState.ASKED, AskState.ISSUED, AskState.SENT)


@dataclass(frozen=True, slots=True)
class Ask:
    """A SignCertificate of a station, and what it is connected on."""

    station: str
    asked: CertificateAsked
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class Receipt:
    """The immediate answer to a SignCertificate."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A certificate ready to be sent: PEM chain, leaf first; `root` is the name of the root above it.

    `with_root`: the root is sent along, since the station took its last certificate so (reference §8.4). `leaf_only`:
    nothing is sent along. `leaf_last`: the other way round. `limit`: how many characters of a chain the station takes.
    """

    ask: int
    serial: str
    chain: str
    root: str
    request_id: int | None
    with_root: bool = False
    limit: int = LONGEST_CHAIN
    leaf_only: bool = False
    leaf_last: bool = False


def in_form(delivery: Delivery, quirks: Quirks) -> Delivery:
    """The delivery as stations of a kind take it; whether the root is sent along is not decided here."""
    limit = min(delivery.limit, quirks.longest_chain or LONGEST_CHAIN)
    return replace(delivery, limit=limit, leaf_only=quirks.chain is Chain.LEAF, leaf_last=quirks.leaf_last)


def as_usual_for(delivery: Delivery, quirks: Quirks) -> Delivery:
    """The same outside a walk: with the root where such stations want it, or where this one took it so last."""
    return in_form(replace(delivery, with_root=delivery.with_root or quirks.chain is Chain.ROOT), quirks)


def spelt_chain(delivery: Delivery, root: str) -> str:
    """The text of `certificateChain`; `root` is the PEM of the root to send along, or empty."""
    blocks = _BLOCKS.findall(delivery.chain + root)
    chain = blocks[:1] if delivery.leaf_only and not root else blocks
    return "".join(block if block.endswith("\n") else f"{block}\n" for block in _ordered(chain, delivery.leaf_last))


def _ordered(blocks: Sequence[str], leaf_last: bool) -> Sequence[str]:
    return blocks[::-1] if leaf_last else blocks


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a request. `by` is `service`, or `station` for the one that asked.

    `takes_root`: whether the station took the root along with its certificate; None when it took none.
    """

    ask: int
    state: AskState
    act: FleetAct
    by: str
    reason: str = ""
    takes_root: bool | None = None


def out_of_the_question(one: Ask) -> str:
    """Why a request is refused whatever is in it; empty when that is to be looked at."""
    if one.profile is SecurityProfile.NONE:
        return "a station that has proved nothing gets no certificate: give it a password first"
    return "" if one.asked.for_station else "there is no authority for V2G certificates"


def as_sent(delivery: Delivery) -> Settled:
    """CertificateSigned goes out."""
    return Settled(delivery.ask, AskState.SENT, FleetAct.CERTIFICATE_SENT, "service")


def as_taken(delivery: Delivery) -> Settled:
    """The station answered Accepted."""
    taken = FleetAct.CERTIFICATE_TAKEN
    return Settled(delivery.ask, AskState.TAKEN, taken, "station", takes_root=delivery.with_root)


def row_of(one: Ask, refusal: str, now: datetime) -> CertificateAskRow:
    """A request as it is taken in, or refused."""
    return CertificateAskRow(
        station=one.station,
        csr=csr_of(one),
        request_id=one.asked.request_id,
        state=AskState.REFUSED if refusal else AskState.ASKED,
        reason=refusal,
        asked_at=now,
        updated_at=now,
    )


def csr_of(one: Ask) -> str:
    """A request's text as it is kept."""
    return _storable(one.asked.csr)


def rows_of(session: Session, asks: Collection[int]) -> list[CertificateAskRow]:
    """The rows of these requests, to be changed."""
    return list(session.exec(select(CertificateAskRow).where(col(CertificateAskRow.id).in_(asks))))


def act_of(row: CertificateAskRow) -> FleetAct:
    """What a row says that has just been made."""
    return FleetAct.CERTIFICATE_ASK_REFUSED if row.state == AskState.REFUSED else FleetAct.CERTIFICATE_ASKED


def entry_of(act: FleetAct, row: CertificateAskRow, by: str, reason: str) -> Entry:
    """What the audit trail is to say of a request."""
    csr_sha256 = hashlib.sha256(row.csr.encode()).hexdigest()
    details = {"request": row.id, "serial": row.serial, "csr_sha256": csr_sha256}
    return Entry(act, by, "station", row.station, reason, details)


def by_station(row: CertificateAskRow) -> str:
    """The station that asked, as the audit trail names it."""
    return f"station:{row.station}"


def _storable(text: str) -> str:
    """The text without what no database keeps: NUL in PostgreSQL, half surrogates in UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
