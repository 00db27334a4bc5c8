"""The security log and its upload (use cases A04 and N01)."""

from __future__ import annotations

from collections import deque

from csms_bridge.simulator.body import Body
from csms_bridge.simulator.file_transfer import supported, upload
from csms_bridge.simulator.wire import Answer, CallFailed, JsonObject

KEPT_LINES = 500


class LogDesk:
    """Keeps the security log and PUTs it where GetLog says; the address is a folder (EVerest, open-ocpp)."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def write(self, at: str, kind: str, info: str) -> None:
        """Add one line; every security event is logged, pushed or not (A04.FR.04)."""
        self._lines.append(f"{at},{kind},{info}")

    def get_log(self, payload: JsonObject) -> Answer:
        """Answer GetLog; the upload follows the answer."""
        if not supported(payload["log"]["remoteLocation"]):
            return Answer({"status": "Rejected"})
        name = f"{payload['logType']}-{payload['requestId']}.csv"
        return Answer({"status": "Accepted", "filename": name}, lambda: self._upload(payload, name))

    async def send_status(self) -> None:
        """Send the status of no upload going on (triggered)."""
        await self._body.call("LogStatusNotification", {"status": "Idle"})

    async def _upload(self, payload: JsonObject, name: str) -> None:
        await self._tell(payload, "Uploading")
        folder = payload["log"]["remoteLocation"].rstrip("/")
        try:
            await upload(f"{folder}/{name}", "\n".join(("time,type,info", *self._lines, "")).encode())
        except (OSError, ValueError):
            await self._tell(payload, "UploadFailure")
            return
        await self._tell(payload, "Uploaded")

    async def _tell(self, payload: JsonObject, status: str) -> None:
        try:
            await self._body.call("LogStatusNotification", {"status": status, "requestId": payload["requestId"]})
        except CallFailed:
            return
