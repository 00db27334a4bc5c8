"""A station that answers questions about its settings, through the real dialects and their schemas."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from csms_bridge import commands as c
from csms_bridge.commands import Answer
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.wire import Request
from csms_bridge.events import ReportTold
from csms_bridge.frames import Json
from csms_bridge.station import OcppVersion

GENERATED = "2026-03-02T12:00:00.000Z"


@dataclass
class AskedStation:
    """`settings`: value by `Component.Variable`, `Component[instance].Variable` or configuration key.

    `refusal` is the CALLERROR to questions that `refuses`; `silent_after` so many questions it says nothing more.
    `parts` is the report that it sends once it was asked for one: part number, whether more follow, settings.
    """

    version: OcppVersion
    settings: Mapping[str, str] = field(default_factory=dict)
    refuses: Callable[[Request], bool] = lambda _: False
    refusal: str = "NotSupported"
    silent_after: int | None = None
    parts: list[tuple[int, bool, Mapping[str, str]]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    tell: Callable[[ReportTold], Awaitable[None]] | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    sending: "asyncio.Task[None] | None" = None

    async def ask(self, command: c.Command) -> Answer | None:
        """What `OpenLine` does with a command, without a socket."""
        dialect = DIALECTS[self.version]
        request = dialect.request(command)
        dialect.check_call(request.action, request.payload)
        if self.silent_after is not None and len(self.asked) >= self.silent_after:
            return None
        self.asked.append(request)
        if self.refuses(request):
            return dialect.error(self.refusal, "")
        payload = self._payload(request)
        dialect.check_answer(request.action, payload)
        return dialect.answer(command, payload)

    def _payload(self, request: Request) -> Json:
        match request.action:
            case "GetConfiguration":
                return self._keys(request.payload)
            case "GetVariables":
                entries = request.payload["getVariableData"]
                return {"getVariableResult": [self._value(entry) for entry in entries]}
            case "GetBaseReport":
                self.sending = asyncio.ensure_future(self._send(request.payload["requestId"]))
                self.begun.set()
                return {"status": "Accepted"}
        return {"status": "Accepted"}

    def _keys(self, payload: Json) -> Json:
        wanted = payload.get("key") or list(self.settings)
        known = [{"key": key, "readonly": False, "value": self.settings[key]} for key in wanted if key in self.settings]
        unknown = [key for key in wanted if key not in self.settings]
        return {"configurationKey": known, "unknownKey": unknown}

    def _value(self, entry: Json) -> Json:
        component, variable = entry["component"], entry["variable"]
        instance = f"[{component['instance']}]" if "instance" in component else ""
        name = f"{component['name']}{instance}.{variable['name']}"
        told = {"component": component, "variable": variable}
        if name not in self.settings:
            return {"attributeStatus": "UnknownVariable", **told}
        return {"attributeStatus": "Accepted", "attributeValue": self.settings[name], **told}

    async def _send(self, request_id: int) -> None:
        for number, more, settings in self.parts:
            payload = {
                "requestId": request_id, "generatedAt": GENERATED, "seqNo": number, "tbc": more,
                "reportData": [_row(name, value) for name, value in settings.items()],
            }  # fmt: skip
            dialect = DIALECTS[self.version]
            dialect.check_call("NotifyReport", payload)
            event = dialect.event("NotifyReport", payload)
            assert isinstance(event, ReportTold)
            assert self.tell is not None
            await self.tell(event)


def _row(name: str, value: str) -> Json:
    component, _, variable = name.partition(".")
    return {
        "component": {"name": component},
        "variable": {"name": variable},
        "variableAttribute": [{"value": value, "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "string", "supportsMonitoring": False},
    }
