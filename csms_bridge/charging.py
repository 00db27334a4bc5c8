"""What stations tell of charging: transactions and connectors, and which message is the same one again. Pure.

A message counts as the same by what it says, not by its id: some stations number their messages anew after a restart,
and a message whose answer was lost may come back under another id (OCPP 1.6 §4.9, OCPP-J 1.6 §4.1; 2.x E04, E11).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.frames import Json

ACTIONS = ("StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent")
"""The messages that are kept whole, for a CSMS that bills. Their answers wait until they are."""

CHARGING = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""The words of 1.6 for a connector at which somebody charges; 2.x tells it by transactions alone."""


class Phase(StrEnum):
    """What a message says of a transaction."""

    BEGAN = "began"
    WENT_ON = "went on"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Token:
    """An idTag or idToken: who wants to charge. `kind` is the idToken's type, empty in 1.6."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A charging transaction. 1.6 gets `id` as its transactionId; `name` is the station's own in 2.x."""

    id: int
    station: str
    name: str
    evse: int | None
    connector: int | None
    token: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Connector:
    """The last that was heard of a connector. `evse` is 0 in 1.6, `told_at` the station's clock."""

    station: str
    evse: int
    connector: int
    status: str
    error: str
    told_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ChargingState:
    """What a station is doing: its open transactions, and its connectors."""

    transactions: tuple[Transaction, ...]
    connectors: tuple[Connector, ...]

    @property
    def is_busy(self) -> bool:
        """Whether somebody is charging."""
        return bool(self.transactions) or any(one.status in CHARGING for one in self.connectors)


@dataclass(frozen=True, slots=True)
class ChargingMessage:
    """One message as it came. `transaction` is the id of ours that it belongs to, None when it names none."""

    id: int
    station: str
    ocpp_version: str
    action: str
    payload: Json
    transaction: int | None
    received_at: datetime
    handed_over_at: datetime | None


def digest_of(action: str, payload: Mapping[str, object]) -> str:
    """What makes a message the same when it comes again, as SHA-256 in hexadecimal.

    A TransactionEvent is known by its sequence number, since `offline` may differ when it is sent again. Its time
    stands beside it: a station that never counts up must not lose what it tells.
    """
    said: Mapping[str, object] = payload
    if action == "TransactionEvent":
        about = payload.get("transactionInfo")
        name = about.get("transactionId") if isinstance(about, dict) else None
        said = {"name": name, **{key: payload.get(key) for key in ("seqNo", "eventType", "timestamp")}}
    text = json.dumps([action, said], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
