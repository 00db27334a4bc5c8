"""RSA keys that one look does not betray, reviewed in the background after they were certified.

Two keys that share a prime can both be factored by anybody (N. Heninger et al., "Mining Your Ps and Qs", USENIX
Security 2012: devices that made their keys before they had any randomness). One key alone shows nothing of it, so each
new modulus is compared with all that were certified before: these are kept as products of 64, and one division tells of
64 keys at once. A modulus that is itself a prime is looked for here as well: the test costs more than issuing does.

What is found raises an alarm and blocks the keys. Certificates stay as they are until a person revokes them, for a
station would go dark. A round's work is bounded: the more keys there are, the fewer are taken on in one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import func, select
from sqlmodel import Session, col

from pki.alarms import AlarmKind, Alarms, Severity
from pki.blocked_keys import BlockedKeys
from pki.clock import Clock
from pki.marks import certificates_by_mark, move_mark, read_mark
from pki.store import Store
from pki.tables import CertificateRow, RsaProductRow
from pki.weak_keys import is_prime

_JOB = "keys"
_RSA = bytes.fromhex("06092a864886f70d010101")  # rsaEncryption, in the SubjectPublicKeyInfo of every RSA certificate
_PAGE = 1000  # certificates of a round, most of which have other keys
_FULL = 64  # moduli in a product
_DIVISIONS = 1000  # of a round, 0.4 ms each with keys of 2048 bits
_NAMED = 10  # in a sentence
_TESTS = 16  # for primality in a round, 17 ms each


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How many certificates were gone through for their keys, and how many wait for it."""

    done: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Key:
    """A certified RSA key; `holder` names the station, or else whoever has it."""

    serial: str
    holder: str
    spki_sha256: str
    modulus: int


class KeyReview:
    """Goes through the certificates in the order of their making. Several processes may take turns."""

    def __init__(self, store: Store, alarms: Alarms, blocked: BlockedKeys, clock: Clock) -> None:
        self._store = store
        self._alarms = alarms
        self._blocked = blocked
        self._clock = clock

    def round(self) -> int:
        """Review the next keys; how many certificates were gone through.

        The mark moves last, with the products: killed in between, a round is repeated, and an alarm counts up.
        """
        with self._store.reading() as session:
            reached = read_mark(session, _JOB)
            products = session.execute(select(func.count()).select_from(RsaProductRow)).scalar_one()
            most = min(_TESTS, max(1, _DIVISIONS // max(products, 1)))
            rows, keys = _next(session, reached, most)
            shared = [*_with_earlier(session, keys)]
        for number, key in enumerate(keys):
            shared += _meeting([key], keys[:number])
        for key in keys:
            if is_prime(key.modulus):
                self._found([key], f"the modulus of the RSA key of {key.holder} is a prime: anybody can use this key")
        for key in keys:
            if others := [other for one, other in shared if one is key]:
                self._found([key, *others], _sentence(key, others))
        if rows:
            self._keep(reached, rows[-1].id or 0, keys)
        return len(rows)

    def progress(self) -> ReviewProgress:
        """Counts by the number of the last certificate that was gone through."""
        with self._store.reading() as session:
            return ReviewProgress(*certificates_by_mark(session, _JOB))

    def _found(self, keys: Sequence[_Key], sentence: str) -> None:
        for key in keys:
            self._blocked.block(key.spki_sha256, sentence, "service", self._clock())
        advice = "they are certified no more; revoke their certificates (keyCompromise)"
        self._alarms.sound(AlarmKind.WEAK_KEY, keys[0].holder, f"{sentence}; {advice}", Severity.CRITICAL)

    def _keep(self, reached: int, position: int, keys: Sequence[_Key]) -> None:
        with self._store.writing() as session:
            if move_mark(session, _JOB, reached, position):
                _add_to_products(session, keys)


def _next(session: Session, reached: int, most: int) -> tuple[list[CertificateRow], list[_Key]]:
    """The next certificates, and of their RSA keys those that no earlier certificate has: up to `most`."""
    query = select(CertificateRow).where(col(CertificateRow.id) > reached).order_by(col(CertificateRow.id)).limit(_PAGE)
    page = session.execute(query).scalars().all()
    ours = {row.spki_sha256 for row in page if _RSA in row.der}
    before = select(col(CertificateRow.spki_sha256)).where(
        col(CertificateRow.spki_sha256).in_(ours), col(CertificateRow.id) <= reached
    )
    known = set(session.execute(before).scalars()) if ours else set()
    rows: list[CertificateRow] = []
    keys: list[_Key] = []
    for row in page:
        if row.spki_sha256 in ours - known:
            if len(keys) == most:
                break
            known.add(row.spki_sha256)
            keys += _keys_in([row])
        rows.append(row)
    return rows, keys


def _with_earlier(session: Session, keys: Sequence[_Key]) -> Iterator[tuple[_Key, _Key]]:
    """Pairs of a new key and one of an earlier certificate that have a factor in common."""
    if not keys:
        return
    for row in session.execute(select(RsaProductRow).execution_options(yield_per=100)).scalars():
        product = int.from_bytes(row.product)
        suspects = [key for key in keys if gcd(key.modulus, product % key.modulus) != 1]
        if suspects:
            held = select(CertificateRow).where(col(CertificateRow.serial).in_(row.serials.split()))
            yield from _meeting(suspects, list(_keys_in(session.execute(held).scalars())))


def _meeting(keys: Sequence[_Key], others: Sequence[_Key]) -> Iterator[tuple[_Key, _Key]]:
    return ((key, other) for key in keys for other in others if gcd(key.modulus, other.modulus) != 1)


def _keys_in(rows: Iterable[CertificateRow]) -> Iterator[_Key]:
    for row in rows:
        public_key = x509.load_der_x509_certificate(row.der).public_key()
        if isinstance(public_key, rsa.RSAPublicKey):
            holder = row.station or f"the certificate {row.serial}"
            yield _Key(row.serial, holder, row.spki_sha256, public_key.public_numbers().n)


def _add_to_products(session: Session, keys: Sequence[_Key]) -> None:
    """Multiply the moduli into the last product until it is full, then into new ones."""
    last = session.execute(select(RsaProductRow).order_by(col(RsaProductRow.id).desc()).limit(1)).scalars().first()
    for key in keys:
        if last is None or last.count == _FULL:
            last = RsaProductRow(count=0, serials="", product=b"\x01")
        product = int.from_bytes(last.product) * key.modulus
        last.count, last.serials = last.count + 1, f"{last.serials} {key.serial}".strip()
        last.product = product.to_bytes((product.bit_length() + 7) // 8)
        session.add(last)


def _sentence(key: _Key, others: Sequence[_Key]) -> str:
    names = sorted({other.holder for other in others})
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    if all(other.modulus == key.modulus for other in others):
        return f"the RSA keys of {key.holder} and {named} have the same modulus under two exponents"
    return f"the RSA keys of {key.holder} and {named} share a prime: anybody can compute them"
