"""What the three dialects share: schema checks, the shape of a dialect, and the standing answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

from csms_bridge.answers import Reply
from csms_bridge.commands import Answer, Command, Outcome
from csms_bridge.dialects import schemas
from csms_bridge.events import Event
from csms_bridge.frames import CALL, CALL_ERROR, CALL_RESULT, SEND, CallResultError, Flaw, Json, Malformed, Send
from csms_bridge.station import OcppVersion


class Fault(StrEnum):
    """Why a message is turned down; each dialect spells it in its own error codes."""

    NOT_IMPLEMENTED = "not implemented"
    NOT_SUPPORTED = "not supported"
    FORMAT = "format"
    TYPE = "type"
    CONSTRAINT = "constraint"
    OCCURRENCE = "occurrence"
    SECURITY = "security"
    INTERNAL = "internal"


class WireFault(Exception):
    """A message that is answered with a CALLERROR: the fault and one sentence for the station's log."""

    def __init__(self, fault: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = fault
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Request:
    """A CALL to send: action and payload."""

    action: str
    payload: Json


@dataclass(frozen=True, slots=True)
class House:
    """What a standing answer needs to know of us: the time, the heartbeat interval in s, the word on a token."""

    now: datetime
    interval: int
    token: str = "Invalid"  # noqa: S105 -- a status
    token_until: datetime | None = None
    transaction: int = 0


class Dialect(ABC):
    """One OCPP version. Stateless; payloads are plain JSON objects."""

    version: ClassVar[OcppVersion]
    subprotocol: ClassVar[str]
    error_codes: ClassVar[Mapping[Fault, str]]
    flaw_codes: ClassVar[Mapping[Flaw, str]]
    """The CALLERROR codes for frames that cannot be read; a flaw without a code is met with silence."""
    message_types: ClassVar[frozenset[int]] = frozenset((CALL, CALL_RESULT, CALL_ERROR))
    """The message type numbers that this version has."""

    @abstractmethod
    def request(self, command: Command) -> Request:
        """Spell a command. Raises LookupError when this version has no message for it."""

    @abstractmethod
    def answer(self, command: Command, payload: Json) -> Answer:
        """Read the answer to `command`."""

    @abstractmethod
    def event(self, action: str, payload: Json) -> Event:
        """Read a station's CALL."""

    @abstractmethod
    def response(self, action: str, payload: Json, house: House) -> Json:
        """The standing answer to a station's CALL, when no upstream CSMS gives one."""

    @abstractmethod
    def spell(self, reply: Reply) -> Json:
        """The answer to a station that asked for something. Raises LookupError when this version has none such."""

    @abstractmethod
    def certificate_response(self, accepted: bool, reason: str) -> Json:
        """The answer to SignCertificate (A02.FR.11/.12); never a CALLERROR, which leaves stations stuck."""

    def error(self, code: str, description: str) -> Answer:
        """Read a CALLERROR: the station does not know the message, or would not take it."""
        words = f"{code}: {description}" if description else code
        unknown = code in ("NotImplemented", "NotSupported")
        return Answer(Outcome.NOT_SUPPORTED if unknown else Outcome.REJECTED, words)

    def complaint(self, frame: Malformed | Send | CallResultError) -> str | None:
        """The CALLERROR code that a frame is answered with, None for one that is not answered.

        Answers, and what wants none, are never answered: the other side would take it for the answer to a call.
        """
        if frame.type is not None and frame.type not in self.message_types:
            return self.flaw_codes.get(Flaw.MESSAGE_TYPE)
        if not isinstance(frame, Malformed) or frame.type not in (None, CALL):
            return None
        return self.flaw_codes.get(frame.flaw)

    def check_call(self, action: str, payload: Json) -> None:
        """Raise WireFault unless a station's call fits its schema, or nearly (see dialects/schemas.py)."""
        self._check(CALL, action, payload, ours=False)

    def check_answer(self, action: str, payload: Json) -> None:
        """The same for a station's answer."""
        self._check(CALL_RESULT, action, payload, ours=False)

    def check_request(self, action: str, payload: Json) -> None:
        """Raise WireFault unless a call of ours fits its schema to the letter."""
        self._check(CALL, action, payload, ours=True)

    def check_response(self, action: str, payload: Json) -> None:
        """The same for an answer of ours."""
        self._check(CALL_RESULT, action, payload, ours=True)

    def remark_on_answer(self, action: str, payload: Json) -> str:
        """What is wrong with a station's answer that is taken all the same; empty when it fits."""
        try:
            self.check_answer(action, payload)
        except WireFault as fault:
            return f"the answer breaks its schema: {fault.sentence}"
        return ""

    def remark_on_send(self, action: str, payload: Json) -> str:
        """What is wrong with what a station told without wanting an answer; empty when it fits (2.1 SEND)."""
        try:
            self._check(SEND, action, payload, ours=False)
        except WireFault as fault:
            return f"it breaks its schema: {fault.sentence}"
        return ""

    def knows(self, action: str) -> bool:
        """Whether this version has such a message at all."""
        return schemas.knows(CALL, action, self.version)

    def _check(self, kind: int, action: str, payload: Json, *, ours: bool) -> None:
        try:
            error = next(schemas.faults(kind, action, self.version, payload, ours=ours), None)
        except LookupError:
            raise WireFault(Fault.NOT_IMPLEMENTED, f"OCPP {self.version} has no {action[:50]}") from None
        if error is not None:
            where = ".".join(str(part) for part in error.absolute_path) or "the payload"
            raise WireFault(_FAULT_OF.get(str(error.validator), Fault.FORMAT), f"{where}: {error.validator}")


_FAULT_OF = {
    "type": Fault.TYPE,
    "required": Fault.OCCURRENCE,
    "minItems": Fault.OCCURRENCE,
    "maxItems": Fault.OCCURRENCE,
    "enum": Fault.CONSTRAINT,
    "maxLength": Fault.CONSTRAINT,
    "minimum": Fault.CONSTRAINT,
    "maximum": Fault.CONSTRAINT,
    "format": Fault.CONSTRAINT,
}


def status_answer(payload: Json, meanings: Mapping[str, Outcome], status: str = "status") -> Answer:
    """Read `{"status": …, "statusInfo": {…}}`; a status that `meanings` does not name counts as rejected."""
    words = str(payload.get(status, ""))
    info = payload.get(status + "Info")
    detail = reason_of(info)
    return Answer(meanings.get(words, Outcome.REJECTED), f"{words} ({detail})" if detail else words)


def reason_of(info: object) -> str:
    """The words of a statusInfo object: reason code and additional info."""
    if not isinstance(info, dict):
        return ""
    parts = (str(info.get("reasonCode", "")), str(info.get("additionalInfo", "")))
    return ": ".join(part for part in parts if part)


def rfc3339(moment: datetime) -> str:
    """OCPP's date-time: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: object) -> datetime | None:
    """A station's date-time, with or without milliseconds; a missing offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # a clock that was never set may stand before the year 1 in UTC
        return None


ACCEPT_OR_REJECT = {"Accepted": Outcome.ACCEPTED, "Rejected": Outcome.REJECTED, "Failed": Outcome.FAILED}
DELETE = {**ACCEPT_OR_REJECT, "NotFound": Outcome.NOT_FOUND}
TRIGGER = {**ACCEPT_OR_REJECT, "NotImplemented": Outcome.NOT_SUPPORTED}


@dataclass(frozen=True, slots=True)
class Standing:
    """Answers that depend on nothing: action to payload."""

    answers: Mapping[str, Json] = field(default_factory=dict)

    def __call__(self, action: str) -> Json:
        return dict(self.answers.get(action, {}))
