"""How long until a revocation is seen: by OCSP of the same and of another process, by the station, in the CRLs.

Two processes serve one database, as `voltward serve` does. A station is connected over mutual TLS; its certificate is
revoked through the API of the first process. Whoever waits for it asks again and again. The database holds 1,000
certificates, then 1,000,000, all but a few of which are synthetic rows.
"""

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.figures import Figure
from benchmarks.serving import HOSTNAME, free_ports, new_folder, process
from benchmarks.synthetic import fill
from web.data_folder import open_folder
from web.permissions import Role

GOALS = {
    "OCSP, same process": 1.0,
    "OCSP, other process": 1.0,
    "socket closed": 1.0,
    "CRL of the shard": 60.0,
    "full CRL": 60.0,
}
_PATIENCE = 90.0  # seconds
_BETWEEN_LOOKS = 0.005


def measure(sizes: tuple[int, ...] = (1_000, 1_000_000), revocations: int = 10) -> list[Figure]:
    """The longest of so many revocations, at each size; the full list is waited for once."""
    figures = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            longest = _measure(Path(temporary), size, revocations)
        for what, goal in GOALS.items():
            name = f"revocation to {what}, {size:,} certificates"
            figures.append(Figure(name, longest[what], "s", f"< {goal:g} s", longest[what] < goal))
    return figures


def _measure(temporary: Path, size: int, revocations: int) -> dict[str, float]:
    folder = new_folder(temporary / "data")
    service = open_folder(folder, os.environ)
    token = service.accounts.make_token("bench", Role.ADMIN, "bench")[1].text()
    fill(service.store, size, service.clock())
    service.close()
    first, second, plain, tls = free_ports(4)
    ocpp = {"VOLTWARD_OCPP_HOST": "127.0.0.1", "VOLTWARD_OCPP_PORT": str(plain), "VOLTWARD_OCPP_TLS_PORT": str(tls)}
    other = {"VOLTWARD_WEB_PORT": str(second), "VOLTWARD_NODE": "second"}
    serve = ("serve", "--data", str(folder))
    with ExitStack() as running:
        running.enter_context(process("web.cli", serve, {**ocpp, "VOLTWARD_WEB_PORT": str(first)}, first))
        running.enter_context(process("web.cli", [*serve, "--roles", "web"], other, second))
        bench = _Bench(first, second, tls, token, temporary)
        rounds = [bench.revoke(number, with_full_list=number == revocations - 1) for number in range(revocations)]
    return {what: max(times[what] for times in rounds if what in times) for what in GOALS}


@dataclass(frozen=True, slots=True)
class _Bench:
    """Two processes, by their ports, and a folder for a station's key."""

    first: int
    second: int
    tls: int
    token: str
    folder: Path

    def revoke(self, number: int, *, with_full_list: bool) -> dict[str, float]:
        """Seconds from sending the revocation until each of those who wait sees it."""
        key, made = self._certify(number)
        leaf, issuer = x509.load_pem_x509_certificates(made["chain_pem"].encode())[:2]
        request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
        waiting: dict[str, Callable[[], object]] = {
            "OCSP, same process": _ocsp(self.first, request.public_bytes(Encoding.DER)),
            "OCSP, other process": _ocsp(self.second, request.public_bytes(Encoding.DER)),
            "CRL of the shard": _crl(self.first, f"stations/{leaf.serial_number % 16}", leaf.serial_number),
        }
        if with_full_list:
            waiting["full CRL"] = _crl(self.first, "stations", leaf.serial_number)
        before = [look() for look in waiting.values()]  # fills the caches
        if any(before):
            raise RuntimeError("seen before it was revoked")
        with self._connect(number, key, made["chain_pem"]) as line, ThreadPoolExecutor(len(waiting) + 1) as pool:
            start = time.perf_counter()
            seen = {what: pool.submit(_until, look, start) for what, look in waiting.items()}
            seen["socket closed"] = pool.submit(_until_closed, line, start)
            self._post(f"certificates/{made['serial']}/revoke", {"reason": "keyCompromise"})
            return {what: future.result() for what, future in seen.items()}

    def _certify(self, number: int) -> tuple[ec.EllipticCurvePrivateKey, Any]:
        """A registered station's key and certificate."""
        station, serial = f"BENCH-{number}", f"SN-{number}"
        self._post("stations", {"id": station, "serial": serial, "profile": 3})
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, serial)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        asked = {"csr": csr.public_bytes(Encoding.PEM).decode(), "profile": "station", "station": station}
        return key, self._post("certificates", asked)

    def _connect(self, number: int, key: ec.EllipticCurvePrivateKey, chain_pem: str) -> ClientConnection:
        """The station's connection, admitted."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        file = self.folder / f"{number}.pem"
        file.write_text(pem + chain_pem, encoding="ascii")
        root = httpx.get(f"http://127.0.0.1:{self.first}/pki/root.pem").raise_for_status().text
        context = ssl.create_default_context(cadata=root)
        context.load_cert_chain(file)
        return connect(
            f"wss://{HOSTNAME}:{self.tls}/ocpp/BENCH-{number}",
            sock=socket.create_connection(("127.0.0.1", self.tls), timeout=30),
            ssl=context,
            subprotocols=["ocpp2.0.1"],  # type: ignore[list-item]
            proxy=None,
        )

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        address = f"http://127.0.0.1:{self.first}/api/v1/{path}"
        answer = httpx.post(address, json=body, headers=headers, timeout=60)
        return answer.raise_for_status().json()


def _ocsp(port: int, request: bytes) -> Callable[[], bool]:
    client = httpx.Client(timeout=30)

    def look() -> bool:
        answer = client.post(f"http://127.0.0.1:{port}/pki/ocsp", content=request)
        return ocsp.load_der_ocsp_response(answer.content).certificate_status is ocsp.OCSPCertStatus.REVOKED

    return look


def _crl(port: int, name: str, serial: int) -> Callable[[], bool]:
    client = httpx.Client(timeout=30)

    def look() -> bool:
        crl = x509.load_der_x509_crl(client.get(f"http://127.0.0.1:{port}/pki/crl/{name}.crl").content)
        return crl.get_revoked_certificate_by_serial_number(serial) is not None

    return look


def _until(look: Callable[[], object], start: float) -> float:
    while not look():
        if time.perf_counter() > start + _PATIENCE:
            raise TimeoutError("the revocation was not seen")
        time.sleep(_BETWEEN_LOOKS)
    return time.perf_counter() - start


def _until_closed(line: ClientConnection, start: float) -> float:
    try:
        while True:
            line.recv(timeout=_PATIENCE)
    except ConnectionClosed:
        return time.perf_counter() - start
