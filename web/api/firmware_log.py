"""/api/v1/firmware-log: the transparency log of firmware signatures, its heads and proofs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.firmware_shapes import ConsistencyOut, InclusionOut, LogEntryOut, LogHeadOut, LogKeyOut, LogVerdictOut
from web.api.shapes import Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/firmware-log", tags=["firmware"])
Size = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="of an earlier log; default: now")]
Reader = Annotated[Principal, Depends(Needs(Permission.FIRMWARE_READ))]


@router.get("")
def show_head(doors: Doors, _caller: Reader, size: Size = None) -> LogHeadOut:
    """The newest signed tree head, or the one of an earlier size."""
    return LogHeadOut.of(doors.authority.firmware_log.head(size))


@router.get("/key")
def show_key(doors: Doors, _caller: Reader) -> LogKeyOut:
    """The log's public key."""
    return LogKeyOut.made(doors.authority.firmware_log.key)


@router.get("/entries")
def list_entries(doors: Doors, _caller: Reader, limit: Limit = 100, after: After = None) -> Page[LogEntryOut]:
    """Entries, the oldest first."""
    found = doors.authority.firmware_log.page(number_cursor(after), limit + 1)
    return page(found, limit, LogEntryOut.of, lambda entry: entry.number)


@router.get("/entries/{number}/proof")
def prove_entry(doors: Doors, number: int, _caller: Reader, size: Size = None) -> InclusionOut:
    """An inclusion proof: that the entry is in the log (RFC 9162 §2.1.3)."""
    return InclusionOut.made(doors.authority.firmware_log.prove(number, size))


@router.get("/consistency")
def prove_growth(
    doors: Doors, old: Annotated[int, Query(ge=1, le=2**31 - 1)], _caller: Reader, new: Size = None
) -> ConsistencyOut:
    """A consistency proof: that the first `old` entries are what they were (RFC 9162 §2.1.4)."""
    return ConsistencyOut.made(doors.authority.firmware_log.prove_growth(old, new))


@router.get("/verify")
def verify_log(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUDIT_READ))) -> LogVerdictOut:
    """Compute the whole log anew and compare it with heads, signed firmware and audit trail."""
    log = doors.authority.firmware_log
    with doors.store.reading() as session:
        findings = log.verify(session)
    told = [{"entry": finding.sequence, "sentence": finding.sentence} for finding in findings]
    return LogVerdictOut(whole=not told, size=log.head().size, findings=told)
