"""Firmware at the station: judge the signing certificate, download, verify, install (use cases L01, L02)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificates import certificate_to_pem, reaches_root, utc_now, valid_at
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.events import FirmwareProgress
from csms_bridge.simulator.file_transfer import download, supported
from csms_bridge.simulator.firmware_image import Contents, read_image, signature_fits
from csms_bridge.simulator.root_store import MANUFACTURER_ROOT, of_kind
from csms_bridge.simulator.wire import Answer, CallFailed, ConnectionLost, JsonObject

__all__ = ["FirmwareDesk", "signature_fits"]

_FOR_GOOD = 10.0**9
_TRIES = 60


@dataclass(frozen=True)
class Job:
    """One update. `number` is None for the plain message of 1.6, whose statuses name none; so is `signer`."""

    number: int | None
    url: str
    retrieve_at: str
    install_at: str | None
    retries: int
    pause: float
    signature: str = ""
    signer: x509.Certificate | None = None


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
        if self._has(Fault.FIRMWARE_REFUSED) or (self._is_busy and self._has(Fault.FIRMWARE_ONE_AT_A_TIME)):
            return Answer({"status": "Rejected"})
        if self._has(Fault.FIRMWARE_REVOKED):
            self._body.report("InvalidFirmwareSigningCertificate")
            return Answer({"status": "RevokedCertificate"})
        signer = self._trusted_signer(firmware["signingCertificate"])
        if signer is None:
            self._body.report("InvalidFirmwareSigningCertificate")
            return Answer({"status": "InvalidCertificate"})
        job = Job(
            payload["requestId"], firmware["location"], firmware["retrieveDateTime"], firmware.get("installDateTime"),
            int(payload.get("retries", 0)), float(payload.get("retryInterval", 0)), firmware["signature"], signer,
        )  # fmt: skip
        return Answer({"status": "AcceptedCanceled" if self._is_busy else "Accepted"}, lambda: self._start(job))

    def plain_update(self, payload: JsonObject) -> Answer:
        """Answer 1.6's UpdateFirmware at a station without the security extension: nothing is verified (L02)."""
        retries, pause = int(payload.get("retries", 0)), float(payload.get("retryInterval", 0))
        job = Job(None, payload["location"], payload["retrieveDate"], None, retries, pause)
        return Answer({}, lambda: self._start(job))

    async def send_status(self) -> None:
        """Send the last status again, or Idle when nothing is going on (triggered)."""
        last = {"status": "Idle"} if self._last["status"] == "Installed" else self._last
        await self._body.call(self._status_action, last)

    @property
    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _has(self, fault: Fault) -> bool:
        return self._body.config.has(fault)

    def _trusted_signer(self, pem: str) -> x509.Certificate | None:
        """Give the signing certificate when a manufacturer root vouches for it (L01.FR.21; 1.6 FR.23)."""
        try:
            chain = tuple(x509.load_pem_x509_certificates(pem.encode()))
        except ValueError:
            return None
        roots = of_kind(self._body.memory.roots, MANUFACTURER_ROOT)
        return chain[0] if reaches_root(chain, roots) and valid_at(chain[0], utc_now()) else None

    async def _start(self, job: Job) -> None:
        if self._task:
            self._task.cancel()
        self._task = self._body.run_long(self._run(job))

    async def _run(self, job: Job) -> None:
        """Walk through the states of reference §5.3 and end with a reboot into the new firmware."""
        await self._wait_until(job, "DownloadScheduled", job.retrieve_at)
        image = await self._fetch(job)
        if image is None or not await self._verified(job, image):
            return
        await self._wait_until(job, "InstallScheduled", job.install_at)
        await self._install(job, read_image(image, job.url, self._body.memory.firmware))

    async def _fetch(self, job: Job) -> bytes | None:
        """Download, as often as was asked; a transfer that breaks is resumed where it broke."""
        roots = tuple(certificate_to_pem(root) for root in self._body.memory.csms_roots)
        for attempt in range(1 + job.retries):
            if attempt:
                await asyncio.sleep(job.pause)
            await self._tell(job, "Downloading")
            try:
                if self._has(Fault.FIRMWARE_DOWNLOAD_FAILS):
                    raise OSError("it cannot")
                image = await download(job.url, roots)
            except (OSError, ValueError):
                continue
            await self._tell(job, "Downloaded")
            return image
        await self._tell(job, "DownloadFailed")
        return None

    async def _verified(self, job: Job, image: bytes) -> bool:
        if job.signer is None:
            return True
        fits = signature_fits(image, job.signature, job.signer, pss=self._has(Fault.FIRMWARE_PSS))
        if not fits or self._has(Fault.FIRMWARE_BAD_SIGNATURE):
            await self._tell(job, "InvalidSignature")
            self._body.report("InvalidFirmwareSignature")
            return False
        await self._tell(job, "SignatureVerified")
        return True

    async def _install(self, job: Job, contents: Contents) -> None:
        await self._tell(job, "Installing")
        if self._has(Fault.FIRMWARE_VERIFICATION_FAILS):
            await self._tell(job, "InstallVerificationFailed")
            return
        await self._tell(job, "InstallRebooting")
        if self._has(Fault.FIRMWARE_NEVER_RETURNS):
            await self._body.reboot("FirmwareUpdate", _FOR_GOOD)
            return
        if self._has(Fault.FIRMWARE_INSTALLATION_FAILS):
            await self._body.reboot("FirmwareUpdate")
            await self._tell(job, "InstallationFailed")
            return
        if not self._has(Fault.FIRMWARE_WRONG_VERSION):
            self._body.take_firmware(contents.version, contents.ocpp)
        await self._body.reboot("FirmwareUpdate")
        if self._has(Fault.FIRMWARE_NO_END):
            return
        await self._tell(job, "Installed")
        self._body.report("FirmwareUpdated")
        if self._has(Fault.FIRMWARE_FALLS_BACK):
            await asyncio.sleep(self._body.config.back_off)
            self._body.take_firmware(self._body.config.firmware, None)
            await self._body.reboot("FirmwareUpdate")

    async def _wait_until(self, job: Job, status: str, at: str | None) -> None:
        seconds = (datetime.fromisoformat(at) - utc_now()).total_seconds() if at else 0.0
        if seconds > 0:
            await self._tell(job, status)
            await asyncio.sleep(seconds)

    async def _tell(self, job: Job, status: str) -> None:
        """Send one status; when there is no connection it waits for one a little (guaranteed delivery)."""
        self._last = {"status": status} | ({} if job.number is None else {"requestId": job.number})
        self._body.emit(FirmwareProgress(self._body.config.identity, status))
        for _ in range(2 if self._has(Fault.FIRMWARE_REPEATS) else 1):
            await self._deliver(self._last)

    async def _deliver(self, told: JsonObject) -> None:
        for _ in range(_TRIES):
            try:
                await self._body.call(self._status_action, told)
            except ConnectionLost:
                await asyncio.sleep(self._body.config.back_off)
            except CallFailed:
                return
            else:
                return
