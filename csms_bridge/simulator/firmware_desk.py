"""Signed firmware at the station: judge the signing certificate, download, verify, install (use case L01)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificates import reaches_root, utc_now, valid_at
from csms_bridge.simulator.events import FirmwareProgress
from csms_bridge.simulator.file_transfer import download, supported
from csms_bridge.simulator.root_store import MANUFACTURER_ROOT, of_kind
from csms_bridge.simulator.wire import Answer, CallFailed, ConnectionLost, JsonObject


class FirmwareDesk:
    """Carries out one firmware update at a time; `status_action` is the version's status message."""

    def __init__(self, body: Body, status_action: str) -> None:
        self._body = body
        self._status_action = status_action
        self._task: asyncio.Task[None] | None = None
        self._last: JsonObject = {"status": "Idle"}

    def update(self, payload: JsonObject) -> Answer:
        """Answer SignedUpdateFirmware or UpdateFirmware. An unsigned image is refused (L01)."""
        firmware: JsonObject = payload["firmware"]
        if not {"signature", "signingCertificate"} <= firmware.keys() or not supported(firmware["location"]):
            return Answer({"status": "Rejected"})
        signer = self._trusted_signer(firmware["signingCertificate"])
        if signer is None:
            self._body.report("InvalidFirmwareSigningCertificate")
            return Answer({"status": "InvalidCertificate"})
        busy = self._task is not None and not self._task.done()
        return Answer({"status": "AcceptedCanceled" if busy else "Accepted"}, lambda: self._start(payload, signer))

    async def send_status(self) -> None:
        """Send the last status again, or Idle when nothing is going on (triggered)."""
        last = {"status": "Idle"} if self._last["status"] == "Installed" else self._last
        await self._body.call(self._status_action, last)

    def _trusted_signer(self, pem: str) -> x509.Certificate | None:
        """Give the signing certificate when a manufacturer root vouches for it (L01.FR.21; 1.6 FR.23)."""
        try:
            chain = tuple(x509.load_pem_x509_certificates(pem.encode()))
        except ValueError:
            return None
        roots = of_kind(self._body.memory.roots, MANUFACTURER_ROOT)
        return chain[0] if reaches_root(chain, roots) and valid_at(chain[0], utc_now()) else None

    async def _start(self, payload: JsonObject, signer: x509.Certificate) -> None:
        if self._task:
            self._task.cancel()
        self._task = self._body.run_long(self._run(payload, signer))

    async def _run(self, payload: JsonObject, signer: x509.Certificate) -> None:
        """Walk through the states of reference §5.3 and end with a reboot into the new firmware."""
        number, firmware = payload["requestId"], payload["firmware"]
        await self._wait_until(number, "DownloadScheduled", firmware["retrieveDateTime"])
        await self._tell(number, "Downloading")
        try:
            image = await download(firmware["location"])
        except (OSError, ValueError):
            await self._tell(number, "DownloadFailed")
            return
        await self._tell(number, "Downloaded")
        if not signature_fits(image, firmware["signature"], signer):
            await self._tell(number, "InvalidSignature")
            self._body.report("InvalidFirmwareSignature")
            return
        await self._tell(number, "SignatureVerified")
        await self._wait_until(number, "InstallScheduled", firmware.get("installDateTime"))
        for status in ("Installing", "InstallRebooting"):
            await self._tell(number, status)
        await self._body.reboot("FirmwareUpdate")
        await self._tell(number, "Installed")
        self._body.report("FirmwareUpdated")

    async def _wait_until(self, number: int, status: str, at: str | None) -> None:
        seconds = (datetime.fromisoformat(at) - utc_now()).total_seconds() if at else 0.0
        if seconds > 0:
            await self._tell(number, status)
            await asyncio.sleep(seconds)

    async def _tell(self, number: int, status: str) -> None:
        """Send one status; when there is no connection it waits for one a little (guaranteed delivery)."""
        self._last = {"status": status, "requestId": number}
        self._body.emit(FirmwareProgress(self._body.config.identity, status))
        for _ in range(60):
            try:
                await self._body.call(self._status_action, self._last)
            except ConnectionLost:
                await asyncio.sleep(self._body.config.back_off)
            except CallFailed:
                return
            else:
                return


def signature_fits(image: bytes, signature: str, signer: x509.Certificate) -> bool:
    """Verify a base64 signature: SHA-256 over the file, ECDSA or RSA PKCS#1 v1.5 (EVerest, open-ocpp)."""
    key = signer.public_key()
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, image, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, image, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, binascii.Error):
        return False
    return True
