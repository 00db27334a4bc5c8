"""The operator in a conformance case: acts through the REST API while the tester's station is on the line."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.conformance.tester import PATIENCE, Payload, Tester, Version, on_line
from tests.end_to_end.running_service import RunningService
from tests.pki.requests import pem_request

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Credential:
    """A station's key and the chain (PEM) that was made for it."""

    key: Key
    chain: str
    serial: str

    def shown_in(self, context: ssl.SSLContext, folder: Path) -> ssl.SSLContext:
        """The context of a client that presents it."""
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = folder / f"{self.serial}.pem"
        path.write_bytes(self.chain.encode() + secret)
        context.load_cert_chain(path)
        return context


class Operator:
    """One API client for all cases."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self._client: httpx.Client = service.api()

    def post(self, path: str, **body: Any) -> Any:
        """Make something. Raises for a refusal."""
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str, **parameters: Any) -> Any:
        """Look at something."""
        return self._client.get(path, params=parameters).raise_for_status().json()

    def close(self) -> None:
        """At the end."""
        self._client.close()

    def register(self, identity: str, version: Version, profile: int = 1) -> str | None:
        """A quiet station: it is sent nothing that no case asked for."""
        body = {"id": identity, "serial": f"SN-{identity}", "ocpp_version": version, "profile": profile, "quiet": True}
        password: str | None = self.post("stations", **body)["password"]
        return password

    @asynccontextmanager
    async def station(self, identity: str, version: Version) -> AsyncIterator[Tester]:
        """A registered station on profile 1, booted."""
        password = await asyncio.to_thread(self.register, identity, version)
        async with on_line(self.service.ocpp_port, identity, version, password=password) as tester:
            await tester.boot()
            yield tester

    async def act(self, path: str, **body: Any) -> Any:
        """The same as `post`, beside the tester's own work."""
        return await asyncio.to_thread(self.post, path, **body)

    async def exchange(self, tester: Tester, action: str, payload: Payload, answer: Payload) -> Payload:
        """Have a message sent by `POST …/commands`; the station answers it so. What the station received."""
        ordered = asyncio.create_task(
            self.act(f"stations/{tester.identity}/commands", action=action, payload=payload, force=True)
        )
        heard = await tester.hear(action)
        await heard.answer(**answer)
        command = await ordered
        assert (command["state"], command["answer"]) == ("answered", answer), command
        return heard.payload

    def certify(self, identity: str, key: Key) -> Credential:
        """A certificate for a station, ordered by hand."""
        csr = pem_request(key, f"SN-{identity}", "Test Operator")
        made = self.post("certificates", csr=csr, profile="station", station=identity)
        return Credential(key, made["chain_pem"], made["serial"])


async def until(seen: Callable[[], bool]) -> None:
    """Wait until `seen()` is true of the service."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await asyncio.to_thread(seen):
                return
            await asyncio.sleep(0.1)
