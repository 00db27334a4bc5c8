"""OCPP's JSON schemas, and what is let through although it breaks them.

What we send must fit to the letter. What stations send must fit too, but for the rows of `TOLERATED`: faults that
stations of the field are known for, in fields that we can do without. A refusal there would cost the station its
connection, or us a security event, over nothing.
"""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from ocpp.messages import get_validator

from csms_bridge.dialects.quick_check import Check, quick_check
from csms_bridge.frames import CALL, CALL_RESULT, Json
from csms_bridge.station import OcppVersion


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Faults of these kinds are let through in this field (a pattern; list indexes are left out) of this message."""

    kind: int
    action: str
    field: str
    faults: tuple[str, ...]


TOLERATED = (
    # A station lives by its boot; what it says of itself may be longer than the field, and its reason a new one.
    Tolerance(CALL, "BootNotification", r".*", ("maxLength", "enum")),
    # Firmware made before the white paper's second edition has words of its own (reference §3.10).
    Tolerance(CALL, "FirmwareStatusNotification", "status", ("enum",)),
    Tolerance(CALL, "SignedFirmwareStatusNotification", "status", ("enum",)),
    Tolerance(CALL, "LogStatusNotification", "status", ("enum",)),
    # Better a long text than no event.
    Tolerance(CALL, "SecurityEventNotification", "type|techInfo", ("maxLength",)),
    # Answered with Rejected and a reason: a CALLERROR leaves stations stuck (reference, station-everest).
    Tolerance(CALL, "SignCertificate", "csr", ("maxLength",)),
    # The vendor's own words beside the status.
    Tolerance(CALL, "StatusNotification", "info|vendorId|vendorErrorCode", ("maxLength",)),
    # 2.1 stations may announce larger fields than the schema (FieldLength, reference §3.13).
    Tolerance(CALL, "NotifyReport", r"reportData\.variableAttribute\.value", ("maxLength",)),
    Tolerance(CALL, "NotifyReport", r"reportData\.variableCharacteristics\..*", ("maxLength",)),
    Tolerance(CALL_RESULT, "GetVariables", r"getVariableResult\.attributeValue", ("maxLength",)),
    Tolerance(CALL_RESULT, "GetConfiguration", r"configurationKey\.value", ("maxLength",)),
    # An empty list instead of none (libocpp issue 391); serial numbers with a prefix or a leading zero.
    Tolerance(
        CALL_RESULT,
        "GetInstalledCertificateIds",
        r"certificateHashData|certificateHashDataChain(\.childCertificateHashData)?",
        ("minItems",),
    ),
    Tolerance(CALL_RESULT, "GetInstalledCertificateIds", r".*serialNumber", ("maxLength",)),
    # Reason codes are an open list; some write a sentence there.
    Tolerance(CALL_RESULT, ".*", r"(.*\.)?(statusInfo|attributeStatusInfo)\..*", ("maxLength",)),
)


def faults(kind: int, action: str, version: OcppVersion, payload: Json, *, ours: bool) -> Iterator[ValidationError]:
    """What is wrong with a payload. Raises LookupError when the version has no such message.

    `ours` is what we are about to send: nothing is tolerated, and dates are looked at as well.
    """
    schema = _schema(kind, action, version, ours)
    if schema is None:
        raise LookupError(action)
    if schema.certainly_fits(payload):
        return
    for error in schema.validator.iter_errors(payload):
        if ours or not _is_tolerated(kind, action, error):
            yield error


def knows(kind: int, action: str, version: OcppVersion) -> bool:
    """Whether this version has such a message."""
    return _schema(kind, action, version, False) is not None


@dataclass(frozen=True, slots=True)
class _Schema:
    """`certainly_fits` is asked first; the validator tells what is wrong with what may not fit."""

    certainly_fits: Check
    validator: Draft4Validator


@lru_cache(maxsize=2048)  # bounded, since made-up actions come in here too
def _schema(kind: int, action: str, version: OcppVersion, strict: bool) -> _Schema | None:
    # The action comes from outside and names a file: anything but letters and digits is no action.
    if not action.isascii() or not action.isalnum() or len(action) > 50:
        return None
    # In 1.6 a request's file is called like the action itself.
    if action.endswith(("Request", "Response")):
        return None
    try:
        schema = _mended(get_validator(kind, action, str(version)).schema, kind, action, version)
    except (OSError, json.JSONDecodeError):
        return None
    validator = Draft4Validator(schema, format_checker=_DATES if strict else None)
    return _Schema(quick_check(schema, _is_date if strict else None), validator)


def _mended(schema: Json, kind: int, action: str, version: OcppVersion) -> Json:
    """The package lets 2.0.1's `exiResponse` be 7500 long where the OCA's schema has 5600."""
    if (kind, action, version) != (CALL_RESULT, "Get15118EVCertificate", OcppVersion.V201):
        return schema
    mended = copy.deepcopy(schema)
    mended["properties"]["exiResponse"]["maxLength"] = 5600  # type: ignore[index]
    return mended


_DATES = FormatChecker(formats=())
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@_DATES.checks("date-time")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or _RFC_3339.fullmatch(value) is not None


def _is_tolerated(kind: int, action: str, error: ValidationError) -> bool:
    field = ".".join(part for part in error.absolute_path if isinstance(part, str))
    return any(
        row.kind == kind
        and error.validator in row.faults
        and re.fullmatch(row.action, action)
        and re.fullmatch(row.field, field)
        for row in TOLERATED
    )
