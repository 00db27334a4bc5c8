"""Nothing that the service writes holds a secret: a station is walked with everything on, and all of it is searched.

Searched are its output at the level debug, every file of the data folder (the database and its log, octet by octet),
the signer's folder, and what the API and the command line show.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.station import SimulatedStation
from pki.keystore import KeyStore
from pki.secret_text import Secret
from tests.end_to_end.running_service import PASSPHRASE, RunningService
from tests.end_to_end.stations import register, station, walk_until
from tests.end_to_end.test_password_rotation import online, rotate
from tests.end_to_end.test_signer import OWN_PASSPHRASE, SignerProcess, keyless_over, signer_of

pytestmark = pytest.mark.end_to_end
IDENTITY = "SECRETS-1"
FORCED = "a password by hand"
PIECE = 40  # characters of a key's base64 that nothing else holds by chance


def spellings(password: bytes) -> Iterator[bytes]:
    """A password as somebody might write it."""
    yield password
    yield password.hex().encode()
    yield password.hex().upper().encode()
    yield base64.b64encode(f"{IDENTITY}:".encode() + password)
    yield base64.b64encode(password).rstrip(b"=")[:-1]


def spellings_of_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Iterator[bytes]:
    """A private key as somebody might write it: its number in octets, hex and base64, and PEM line by line."""
    numbers = key.private_numbers()
    number = numbers.private_value if isinstance(numbers, ec.EllipticCurvePrivateNumbers) else numbers.d
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    yield from (raw, raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw)[:PIECE])
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(Encoding.PEM, form, NoEncryption())
        lines = pem.splitlines()[1:-1]
        # The first third is what all keys of a kind have alike, and the modulus, which certificates show too.
        yield from (line for line in lines[max(1, len(lines) // 3) : -1] if len(line) >= PIECE)


@asynccontextmanager
async def watched(simulated: SimulatedStation, passwords: set[bytes]) -> AsyncIterator[None]:
    """Note every password that the station has meanwhile."""

    async def look() -> None:
        while True:
            if simulated.memory.password:
                passwords.add(simulated.memory.password)
            await asyncio.sleep(0.005)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def live(service: RunningService, passwords: set[bytes], keys: list[object]) -> None:
    """A station's life with all that has to do with secrets."""
    password = await asyncio.to_thread(register, service, IDENTITY, "1.6")
    async with (
        station(service, IDENTITY, "1.6", password, Fault.REVEALS_PASSWORD) as simulated,
        watched(simulated, passwords),
    ):
        await online(service, IDENTITY)
        assert (await rotate(service, IDENTITY, "--wait", "--within", "40"))[1][0]["state"] == "rotated"
        await command(service, "GetConfiguration", {"key": ["AuthorizationKey"]})
        started = await asyncio.to_thread(service.post, "walks", {"station": IDENTITY, "to": 3})
        assert (await walk_until(service, started["id"], "done", "held"))["state"] == "done"
        await command(service, "GetConfiguration", {})
        assert (await rotate(service, IDENTITY))[1][0]["state"] in ("sent", "accepted")
        forced = {"key": "AuthorizationKey", "value": FORCED.encode().hex()}
        await command(service, "ChangeConfiguration", forced, force=True)
        passwords.add(FORCED.encode())
        await asyncio.to_thread(service.cli, "station", "fetch-log", IDENTITY, "--wait", "--within", "20")
        keys += [one.key for one in simulated.memory.credentials]
        assert simulated.memory.profile == 3


async def command(service: RunningService, action: str, payload: dict[str, object], *, force: bool = False) -> None:
    body = {"action": action, "payload": payload, "force": force}
    answer = await asyncio.to_thread(service.post, f"stations/{IDENTITY}/commands", body)
    assert answer["state"] == "answered", answer


def shown(service: RunningService) -> dict[str, bytes]:
    """What people and scripts get to see of it."""
    paths = ("messages", "timeline", "posture", "logs", "certificates")
    found = {path: service.get(f"stations/{IDENTITY}/{path}", limit=1000) for path in paths}
    found |= {path: service.get(path, limit=1000) for path in ("alarms", "events", "audit", "passwords/rotations")}
    exported = service.cli("audit", "export")
    assert exported.returncode == 0, exported.stderr
    return {name: json.dumps(what).encode() for name, what in found.items()} | {"export": exported.stdout.encode()}


def files(*folders: Path) -> dict[str, bytes]:
    """Every file as octets."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found}


def private_keys(folder: Path, passphrase: str) -> list[object]:
    """The keys of the service that lie in a folder, opened."""
    store = KeyStore.open(folder, Secret.of(passphrase))
    paths = folder.glob("*.key")
    return [load_pem_private_key(path.read_bytes(), store.key_password(path.stem).reveal) for path in paths]


async def test_nothing_that_the_service_writes_holds_a_secret(folder: Path) -> None:
    passwords: set[bytes] = set()
    keys: list[object] = []
    with signer_of(folder) as signer, debugging(folder, signer) as service:
        await live(service, passwords, keys)
        keys += private_keys(folder / "keys", PASSPHRASE) + private_keys(signer.keys, OWN_PASSPHRASE)
        written = shown(service) | files(folder, signer.log.parent) | {"output": service.log.read_bytes()}
    written |= files(folder)  # once more: what it wrote when it stopped
    assert len(passwords) >= 5, passwords  # its first, one by rotation, one by its walk, one more, one by hand
    assert len(keys) >= 6
    needles = {spelt: f"a password of {len(one)} octets" for one in passwords for spelt in spellings(one)}
    needles |= {spelt: "a private key" for key in keys for spelt in spellings_of_key(key)}  # type: ignore[arg-type]
    found = {(place, what) for place, text in written.items() for spelt, what in needles.items() if spelt in text}
    assert found == set()
    assert IDENTITY.encode() in written["output"]  # it did write, and at the level debug
    assert b"SignCertificate" in written["messages"]


@contextlib.contextmanager
def debugging(folder: Path, signer: SignerProcess) -> Iterator[RunningService]:
    with keyless_over(folder, signer, VOLTWARD_LOG_LEVEL="debug") as service:
        yield service


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A search that finds nothing must be able to find something."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "leak").write_bytes(b"log: " + base64.b64encode(f"{IDENTITY}:hunter2hunter2".encode()) + pem)
    (text,) = files(tmp_path).values()
    assert any(spelt in text for spelt in spellings(b"hunter2hunter2"))
    assert any(spelt in text for spelt in spellings_of_key(key))
