"""A station that sends bad certificate requests over its real connection: each is Rejected, and the line holds."""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import register
from tests.pki.hostile.pieces import as_text
from tests.pki.hostile_requests import HOSTILE
from tests.web.requests import request_pem

pytestmark = pytest.mark.end_to_end

LONGEST = 5500  # of SignCertificate.csr; what is longer is refused by OCPP's schema already
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One", "chargePointSerialNumber": "SN-HOSTILE"}


async def call(line: ClientConnection, number: int, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The answer to a call. Calls that come in between are answered, and must not be CertificateSigned."""
    await line.send(json.dumps([2, str(number), action, payload]))
    while True:
        frame = json.loads(await line.recv())
        if frame[0] == 2:
            assert frame[2] != "CertificateSigned"
            await line.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
        elif frame[1] == str(number):
            assert frame[0] == 3, frame
            return dict(frame[2])


async def test_a_hostile_station_is_told_no_each_time_and_a_good_request_still_works(
    shared_service: RunningService,
) -> None:
    password = await asyncio.to_thread(register, shared_service, "HOSTILE", "1.6", 1)
    pair = base64.b64encode(f"HOSTILE:{password}".encode()).decode()
    url = f"ws://localhost:{shared_service.ocpp_port}/ocpp/HOSTILE"
    header = {"Authorization": f"Basic {pair}"}
    async with (
        asyncio.timeout(120),
        connect(url, subprotocols=["ocpp1.6"], additional_headers=header, proxy=None) as line,
    ):  # type: ignore[list-item]
        assert (await call(line, 0, "BootNotification", BOOT))["status"] == "Accepted"
        for number, case in enumerate(HOSTILE, start=1):
            csr = as_text(case.make())
            if 0 < len(csr) <= LONGEST and csr.isascii():
                answer = await call(line, number, "SignCertificate", {"csr": csr})
                assert answer["status"] == "Rejected", case.name
        answer = await call(line, 1000, "SignCertificate", {"csr": request_pem("SN-HOSTILE")})
        assert answer["status"] == "Accepted"
        while (frame := json.loads(await line.recv()))[2] != "CertificateSigned":
            await line.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
        assert frame[3]["certificateChain"].startswith("-----BEGIN CERTIFICATE-----")
        await line.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
