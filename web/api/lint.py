"""/api/v1/lint: what the full linter passed, and what it says of one certificate."""

from datetime import datetime

from fastapi import APIRouter, Depends

from web.api.asked import Doors
from web.api.shapes import Out
from web.auth import Needs
from web.certificate_queries import SerialInPath
from web.permissions import Permission, Principal

router = APIRouter(prefix="/lint", tags=["lint"])


class ShapeOut(Out):
    """A shape of certificates that the full linter passed before its first signature."""

    fingerprint: str
    profile: str
    authority: str
    linter: str
    linted_at: datetime


class LintOut(Out):
    """The shapes, how many certificates were read a second time after they were issued or wait for it, and of how many
    the keys were compared with all others.
    """

    shapes: tuple[ShapeOut, ...]
    relinted: int
    waiting: int
    keys_reviewed: int
    keys_waiting: int


class FindingsOut(Out):
    """What speaks against a certificate, a sentence each; empty when nothing does."""

    serial: str
    findings: tuple[str, ...]


@router.get("")
def lint_report(doors: Doors, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))) -> LintOut:
    """The shapes that passed, the newest first, and how far the second reading is."""
    progress = doors.authority.relinted()
    shapes = tuple(ShapeOut.model_validate(one, from_attributes=True) for one in doors.authority.linted_shapes())
    keys = doors.authority.key_review.progress()
    return LintOut(
        shapes=shapes,
        relinted=progress.done,
        waiting=progress.waiting,
        keys_reviewed=keys.done,
        keys_waiting=keys.waiting,
    )


@router.get("/{serial}")
def lint_certificate(
    doors: Doors, serial: SerialInPath, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> FindingsOut:
    """Lint one of our certificates now, in full."""
    return FindingsOut(serial=serial, findings=doors.authority.lint(serial))
