"""Certificates per second through the whole door, beside parse, check, build and sign in memory on one core."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks.figures import Figure
from pki.audit import AuditTrail
from pki.authority import Authority, Order
from pki.clock import utc_now
from pki.csr import read_request
from pki.hierarchy import Hierarchy
from pki.keys import assemble
from pki.keystore import KeyStore
from pki.orders import Decisions
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from pki.to_be_signed import new_serial, to_be_signed
from web.schema import migrate

ORGANISATION = "Benchmark Operator"
GOAL = 2000.0
RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Bench:
    """An authority on a database on disk, with full durability, as in production."""

    store: Store
    keys: KeyStore
    authority: Authority
    settings: PkiSettings


def establish(folder: Path) -> Bench:
    """A fresh one in `folder`."""
    store = Store(f"sqlite:///{folder / 'voltward.db'}")
    migrate(store)
    keys = KeyStore.create(folder / "keys", Secret.of("for a benchmark"), scrypt_cost=2**4)
    settings = PkiSettings(organisation=ORGANISATION)
    authority = Authority(store, keys, AuditTrail(keys.secret("audit"), "bench"), settings, utc_now)
    authority.establish("bench")
    return Bench(store, keys, authority, settings)


def requests(count: int) -> list[str]:
    """Requests of as many stations, in PEM, each with a P-256 key of its own."""
    return [_request(number) for number in range(count)]


def measure(count: int = 4000, threads: int = 64) -> list[Figure]:
    """Issue `count` certificates, asked for by so many threads at once."""
    asked = requests(count)
    with tempfile.TemporaryDirectory() as folder:
        bench = establish(Path(folder))
        through_the_door(bench, requests(200), threads, "warm")  # imports, caches, prepared statements
        limit = per_second(lambda: _in_memory(bench, asked[:1000]), 1000)
        rate = per_second(lambda: through_the_door(bench, asked, threads, "one"), count)
        batch = per_second(lambda: in_batches(bench, requests_again(asked), "two"), count)
        bench.store.close()
    goal = f">= {GOAL:,.0f}/s and >= {RATIO} of the limit"
    met = rate >= GOAL and rate >= RATIO * limit
    return [
        Figure(f"issue, {threads} callers", rate, "/s", goal, met, limit),
        Figure("issue, one caller with batches", batch, "/s", goal, batch >= GOAL and batch >= RATIO * limit, limit),
    ]


def requests_again(asked: Sequence[str]) -> list[str]:
    """As many requests with keys that were not seen before."""
    return requests(len(asked))


def _in_memory(bench: Bench, asked: Sequence[str]) -> None:
    """What no authority can leave out: parse, check, build, sign. One thread, nothing is kept."""
    decisions = Decisions(bench.settings, Hierarchy(bench.store))
    for number, pem in enumerate(asked):
        plan = decisions.decide(_order(pem, number, "limit"), utc_now())
        signer = bench.keys.signer(plan.issuer.key_name)
        body = to_be_signed(plan, new_serial())
        assemble(body, signer.algorithm, signer.sign(body))


def through_the_door(bench: Bench, asked: Sequence[str], threads: int, lot: str) -> None:
    """Each request for itself, by so many threads at once. `lot` keeps the stations of one run apart from another's."""

    def issue(numbered: tuple[int, str]) -> None:
        bench.authority.issue(_order(numbered[1], numbered[0], lot), "bench")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(issue, enumerate(asked)))


def in_batches(bench: Bench, asked: Sequence[str], lot: str) -> None:
    """All of them by one caller."""
    orders = [_order(pem, number, lot) for number, pem in enumerate(asked)]
    for outcome in bench.authority.issue_each(orders, "bench"):
        if isinstance(outcome, Exception):
            raise outcome


def _order(pem: str, number: int, lot: str) -> Order:
    return Order(read_request(pem), "station", f"SN-{number}", station=f"{lot}-{number}")


def _request(number: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    names = ((NameOID.COMMON_NAME, f"SN-{number}"), (NameOID.ORGANIZATION_NAME, ORGANISATION))
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def per_second(work: Callable[[], object], count: int) -> float:
    """`count` over the seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)
