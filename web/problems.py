"""Errors as RFC 9457 problem documents: the one place where a domain error becomes an HTTP answer.

`type` is `urn:voltward:problem:` and the error's name in kebab-case; `detail` is its sentence, `hint` says what to
do. An unknown fault says nothing outside but the name of its log entry.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from csms_bridge import errors as bridge
from pki import errors as pki
from web import errors as web

MEDIA_TYPE = "application/problem+json"
_LOG = structlog.get_logger(__name__)

# The nearest class in an error's ancestry decides.
STATUS: Mapping[type[Exception], int] = {
    pki.PkiError: 500,
    pki.CsrRejected: 422,
    pki.OrderRefused: 422,
    pki.FirmwareRefused: 422,
    pki.RevocationRefused: 409,
    pki.SearchRefused: 422,
    pki.RenewalRefused: 409,
    pki.IssuerEndsTooSoon: 409,
    pki.PostVacant: 409,
    pki.CeremonyRefused: 422,
    pki.RecordRefused: 422,
    pki.ReturnedRefused: 422,
    pki.UnknownCeremony: 404,
    pki.SignerUnavailable: 503,
    pki.UnknownCertificate: 404,
    pki.UnknownAuthority: 404,
    pki.UnknownFirmware: 404,
    pki.UnknownLogEntry: 404,
    pki.UnknownFirmwareRule: 404,
    pki.UnknownAttachment: 404,
    pki.FirmwareNotPending: 409,
    pki.ApproverRefused: 403,
    pki.UnknownAlarm: 404,
    pki.UnknownKey: 404,
    pki.UnknownCode: 404,
    pki.CrossRefused: 409,
    pki.RolloverRefused: 409,
    pki.UnknownRollover: 404,
    pki.NoChain: 409,
    pki.AnchorRefused: 422,
    pki.AnchorExists: 409,
    pki.UnknownAnchor: 404,
    pki.AlreadyRevoked: 409,
    pki.NotHeld: 409,
    pki.TrailDamaged: 409,
    pki.TrailSetBack: 409,
    pki.NothingToAccept: 409,
    bridge.BridgeError: 409,
    bridge.UnknownStation: 404,
    bridge.UnknownStranger: 404,
    bridge.UnknownWalk: 404,
    bridge.UnknownCommand: 404,
    bridge.UnknownRoot: 404,
    bridge.RootRefused: 409,
    bridge.ChangeRefused: 422,
    bridge.UnknownRecovery: 404,
    bridge.RecoveryNotNow: 409,
    bridge.UnknownMigration: 404,
    bridge.MigrationRefused: 409,
    bridge.UnknownUpdate: 404,
    bridge.FirmwareNotNow: 409,
    bridge.UnknownEmergency: 404,
    bridge.EmergencyRefused: 409,
    bridge.ImageRefused: 422,
    bridge.UnknownImage: 404,
    bridge.ImageElsewhere: 409,
    bridge.ImageNoRoom: 507,
    bridge.ImageUnreachable: 503,
    bridge.UploadMoved: 409,
    bridge.UnknownLink: 404,
    bridge.LinkOver: 410,
    bridge.UnknownPlan: 404,
    bridge.PlanRefused: 409,
    bridge.UnknownIdToken: 404,
    bridge.UnknownQuirk: 404,
    bridge.UnknownLog: 404,
    bridge.UploadOver: 410,
    bridge.UploadDiffers: 409,
    bridge.UploadTooLarge: 413,
    bridge.UploadTooSlow: 408,
    bridge.LogElsewhere: 409,
    bridge.LogNotThere: 404,
    bridge.StationExists: 409,
    bridge.StationRefused: 422,
    bridge.IdTokenRefused: 422,
    bridge.QuirkRefused: 422,
    bridge.WalkRefused: 409,
    bridge.UnknownCampaign: 404,
    bridge.UnknownSite: 404,
    bridge.CampaignRefused: 422,
    bridge.SiteRefused: 422,
    bridge.CampaignNotNow: 409,
    bridge.RenewalsNotNow: 409,
    bridge.CommandRefused: 409,
    bridge.ProofRefused: 403,
    bridge.TooManyRefusals: 429,
    bridge.ChainTooLong: 409,
    bridge.StationSilent: 504,
    web.WebError: 500,
    web.BackupUnreadable: 422,
    web.RestoreRefused: 409,
    web.PasskeyRefused: 403,
    web.UnknownPasskey: 404,
    web.RequestRefused: 422,
    web.FolderOffline: 409,
    web.WebhookMissing: 409,
    web.NotSignedIn: 401,
    web.NotAllowed: 403,
    web.ClaimsRefused: 403,
    web.IssuerAway: 503,
    web.TokenRefused: 401,
    web.FormForged: 403,
    web.TooManyTries: 429,
    web.TooManyDownloads: 429,
    web.UnknownUser: 404,
    web.UnknownToken: 404,
    web.UserExists: 409,
    web.KeyReused: 422,
    web.StillUnderWay: 409,
}
DOMAIN_ERRORS = (pki.PkiError, bridge.BridgeError, web.WebError)
_SHOWN_FIELDS = ("field", "code", "clause", "row", "why", "findings", "may_force", "stations", "received")


def status_of(error: Exception) -> int:
    """The HTTP status for a domain error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem_of(error: Exception) -> dict[str, Any]:
    """A domain error as the members of a problem document."""
    kind = _kebab(type(error).__name__)
    shown = {name: getattr(error, name) for name in _SHOWN_FIELDS if getattr(error, name, None)}
    members = {
        "type": f"urn:voltward:problem:{kind}",
        "title": kind.replace("-", " "),
        "status": status_of(error),
        "detail": getattr(error, "sentence", str(error)),
        "hint": getattr(error, "hint", ""),
        **shown,
    }
    return {name: value for name, value in members.items() if value != ""}


def answer(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem document as a response."""
    return JSONResponse(
        dict(problem), status_code=problem["status"], media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def answer_error(error: Exception) -> JSONResponse:
    """A domain error as a response."""
    return answer(problem_of(error), headers_of(error))


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that an error's status calls for."""
    headers = {}
    if isinstance(error, web.NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="voltward"'  # RFC 9110 §11.6.1
    if isinstance(error, web.TooManyTries | web.TooManyDownloads):
        headers["Retry-After"] = str(error.wait)
    return headers


def validation_problem(error: RequestValidationError) -> dict[str, Any]:
    """What pydantic found in a request, field by field, without the values (they may be secrets)."""
    errors = [
        {"field": _field(found["loc"]), "why": found["msg"].removeprefix("Value error, ")} for found in error.errors()
    ]
    return {
        "type": "urn:voltward:problem:request-refused",
        "title": "request refused",
        "status": 422,
        "detail": "; ".join(f"{one['field']}: {one['why']}" for one in errors),
        "errors": errors,
    }


def http_problem(error: HTTPException) -> dict[str, Any]:
    """An error of the framework: no such route, wrong method, unreadable body."""
    title = {404: "not found", 405: "method not allowed"}.get(error.status_code, "request refused")
    return {"type": "about:blank", "title": title, "status": error.status_code, "detail": str(error.detail)}


def unknown_fault(request: Request, error: Exception) -> dict[str, Any]:
    """Everything goes to the log, under an id that the answer names."""
    incident = secrets.token_hex(4)
    path = request.url.path
    _LOG.error("request_failed", incident=incident, method=request.method, path=path, exc_info=error)
    return {
        "type": "urn:voltward:problem:internal",
        "title": "internal error",
        "status": 500,
        "detail": f"the request failed for a reason that is in the service's log as incident {incident}",
    }


Render = Callable[[Request, Mapping[str, Any]], Response | None]


def install(app: FastAPI, render_page: Render) -> None:
    """Make the app answer every error: as a page where `render_page` gives one, else as a problem document."""

    def respond(request: Request, problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        return render_page(request, problem) or answer(problem, headers)

    async def refuse(request: Request, error: Exception) -> Response:
        return respond(request, problem_of(error), headers_of(error))

    for kind in DOMAIN_ERRORS:
        app.add_exception_handler(kind, refuse)

    @app.exception_handler(RequestValidationError)
    async def _refuse_request(request: Request, error: RequestValidationError) -> Response:
        return respond(request, validation_problem(error))

    @app.exception_handler(HTTPException)
    async def _refuse_http(request: Request, error: HTTPException) -> Response:
        return respond(request, http_problem(error), error.headers)

    @app.exception_handler(Exception)
    async def _fail(request: Request, error: Exception) -> Response:
        return respond(request, unknown_fault(request, error))


def _field(place: tuple[int | str, ...]) -> str:
    """`('body', 'rows', 3, 'id')` → `rows.3.id`."""
    parts = [str(part) for part in place[1:]] or [str(part) for part in place]
    return ".".join(parts)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
