"""What goes wrong with a station before and after: calls answered with errors, refusals, faulted connectors."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from csms_bridge.tables import AdmissionRow, ConnectorRow, MessageRow

_BORNE = 2
"""More errors than before that may be chance, of a few stations."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Of so many stations, in two spans of the same length."""

    stations: int
    before: int
    after: int


def worse(errors: Errors) -> str:
    """Why stations are worse off with the new version; empty when they are not, or too few tell. Pure."""
    more = errors.after - errors.before
    if more <= max(_BORNE, errors.stations // 10):
        return ""
    return (
        f"{errors.stations} stations had {errors.before} errors before and {errors.after} in the same time after: "
        f"calls answered with errors, refused connections, faulted connectors"
    )


def count_errors(session: Session, station: str, since: datetime, until: datetime) -> int:
    """What went wrong with a station in a span of time."""
    messages = select(func.count()).where(
        MessageRow.station == station, col(MessageRow.at) >= since, col(MessageRow.at) < until, MessageRow.error != ""
    )
    refused = select(func.count()).where(
        AdmissionRow.station == station, col(AdmissionRow.at) >= since, col(AdmissionRow.at) < until,
        col(AdmissionRow.admitted).is_(False),
    )  # fmt: skip
    faulted = select(func.count()).where(
        ConnectorRow.station == station, ConnectorRow.status == "Faulted", col(ConnectorRow.received_at) >= since
    )
    return sum(session.exec(query).one() for query in (messages, refused, faulted))
