"""A station with its maker's certificate: it gets through TLS once the maker's root is an anchor, by real sockets."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.exceptions import ConnectionClosed, InvalidMessage

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import knock, register, trusting
from tests.pki.makers import Maker, maker_root

pytestmark = pytest.mark.end_to_end
# With TLS 1.3 the client is through before the server has looked at its certificate.
CUT_OFF = (OSError, EOFError, InvalidMessage, ConnectionClosed)
SOON = 15  # seconds; two are what the service promises, and the machine may be busy


def factory_fresh(service: RunningService, maker: Maker, name: str, folder: Path) -> ssl.SSLContext:
    """A station that trusts our root and shows its maker's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain, key_file = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(maker.certify(name, key).public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = trusting(service.root_pem())
    context.load_cert_chain(chain, key_file)
    return context


async def knock_until(service: RunningService, station: str, status: int, **how: object) -> int:
    """Knock until the answer is `status`, or it was long enough. A failed handshake counts as 0."""
    end = time.monotonic() + SOON
    while True:
        try:
            seen = await knock(service, station, **how)  # type: ignore[arg-type]
        except CUT_OFF:
            seen = 0
        if seen == status or time.monotonic() > end:
            return seen
        await asyncio.sleep(0.2)


def reasons(service: RunningService, station: str) -> list[str]:
    return [one["reason"] for one in service.get(f"stations/{station}/posture")["admissions"]]


async def test_a_makers_root_is_taken_up_while_serving(shared_service: RunningService, tmp_path: Path) -> None:
    """The command works on the folder in a process of its own; the service hears of it by itself."""
    service, maker = shared_service, maker_root()
    password = await asyncio.to_thread(register, service, "MAKER-1", "2.0.1")
    tls = await asyncio.to_thread(factory_fresh, service, maker, "VM-22 SN-MAKER-1", tmp_path)
    how = {"tls": tls, "subprotocols": ("ocpp2.0.1",), "port": service.tls_port}
    with pytest.raises(CUT_OFF):
        await knock(service, "MAKER-1", password=password, **how)

    root = tmp_path / "root.pem"
    root.write_bytes(maker.pem)
    options = ("--vendor", "Volt Motors", "--name", "volt", "--data", str(service.folder))
    done = await asyncio.to_thread(service.cli, "anchor", "add", str(root), *options)
    assert done.returncode == 0, done.stderr

    assert await knock_until(service, "MAKER-1", 101, password=password, **how) == 101
    latest = (await asyncio.to_thread(reasons, service, "MAKER-1"))[0]
    assert latest.startswith("Basic password over TLS, beside a certificate of Volt Motors")
    assert await knock(service, "MAKER-1", **how) == 401
    latest = (await asyncio.to_thread(reasons, service, "MAKER-1"))[0]
    assert latest.endswith("which is no proof without the Basic password")

    done = await asyncio.to_thread(service.cli, "anchor", "remove", "volt", "--data", str(service.folder))
    assert done.returncode == 0, done.stderr
    assert await knock_until(service, "MAKER-1", 0, password=password, **how) == 0
