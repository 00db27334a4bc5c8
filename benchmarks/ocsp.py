"""OCSP answers in a second, beside an empty route of the same server under the same load."""

import os
import secrets
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from benchmarks.figures import Figure
from benchmarks.issuing import requests as certificate_requests
from benchmarks.load import answers_per_second
from benchmarks.ocsp_server import BARE, EMPTY
from benchmarks.serving import free_ports, new_folder, process
from pki.authority import Authority, Certificate, Order, read_request
from web.data_folder import open_folder

GOAL = 0.8


def measure(certificates: int = 500, rounds: int = 5, seconds: float = 1.5) -> list[Figure]:
    """Each route in turn, `rounds` times; the median of each. Every certificate's answer is in the cache."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = new_folder(Path(temporary) / "data")
        requests, anew = _prepare(folder, certificates)
        port = free_ports(1)[0]
        loads = {
            "empty": [_get(EMPTY)],
            "bare": [_get(BARE)],
            "post": [_post(request) for request in requests],
            "get": [_get("/pki/ocsp/" + quote(b64encode(request).decode(), safe="")) for request in requests],
        }
        with process("benchmarks.ocsp_server", [str(folder), str(port)], {}, port):
            rates = _rates(port, loads, rounds, seconds)
    return [
        _beside("OCSP by POST from memory, beside an empty route", rates["post"], rates["empty"], GOAL),
        _beside("OCSP by GET from memory, beside an empty route", rates["get"], rates["empty"], GOAL),
        _beside("OCSP by POST from memory, beside a bare ASGI answer", rates["post"], rates["bare"], None),
        anew,
    ]


def _rates(port: int, loads: dict[str, list[bytes]], rounds: int, seconds: float) -> dict[str, float]:
    for requests in loads.values():  # fills the cache, and warms all routes alike
        answers_per_second(port, requests, seconds=seconds)
    found: dict[str, list[float]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, requests in loads.items():
            found[name].append(answers_per_second(port, requests, seconds=seconds))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _beside(name: str, rate: float, limit: float, goal: float | None) -> Figure:
    words = f">= {goal} of the limit" if goal else "for comparison"
    return Figure(name, rate, "/s", words, goal is None or rate >= goal * limit, limit)


def _prepare(folder: Path, count: int) -> tuple[list[bytes], Figure]:
    """Requests about as many fresh certificates; and how fast answers are made that nobody remembers."""
    service = open_folder(folder, os.environ)
    orders = [
        Order(read_request(pem), "station", f"SN-{number}", station=f"CS-{number}")
        for number, pem in enumerate(certificate_requests(count))
    ]
    made = service.authority.issue_each(orders, "bench")
    issued = [one for one in made if isinstance(one, Certificate)]
    issuer = x509.load_der_x509_certificate(service.authority.authority(issued[0].authority).der)
    requests = [ocsp_request(one, issuer) for one in issued]
    anew = _anew(service.authority, issued, issuer)
    service.close()
    return requests, anew


def ocsp_request(certificate: Certificate, issuer: x509.Certificate, nonce: bytes | None = None) -> bytes:
    """A request about one certificate, DER."""
    leaf = x509.load_der_x509_certificate(certificate.der)
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _anew(authority: Authority, issued: list[Certificate], issuer: x509.Certificate) -> Figure:
    asked = [ocsp_request(one, issuer, secrets.token_bytes(32)) for one in issued]
    key = ec.generate_private_key(ec.SECP256R1())
    limit = _per_second(lambda _: key.sign(b"x" * 300, ec.ECDSA(hashes.SHA256())), asked)
    rate = _per_second(authority.answer_ocsp, asked)
    return Figure("OCSP with a nonce, one thread, beside bare P-256 signing", rate, "/s", "for comparison", True, limit)


def _per_second(work: Callable[[bytes], object], things: list[bytes]) -> float:
    start = time.perf_counter()
    for thing in things:
        work(thing)
    return len(things) / (time.perf_counter() - start)


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(body: bytes) -> bytes:
    head = f"POST /pki/ocsp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: application/ocsp-request\r\n\r\n" + body
