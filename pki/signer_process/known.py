"""What the signer knows of the authorities, read once when it starts, so that later changes of the database count
for nothing until a person starts it again. In a ceremony, authorities come into being: then it looks each time."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import select
from sqlmodel import col

from pki.errors import CsrRejected
from pki.keys import KeyAlgorithm, PublicKey, check_key_strength
from pki.store import Store
from pki.tables import AuthorityRow


@dataclass(frozen=True, slots=True)
class KnownAuthority:
    """One authority whose key the signer may use. `subject` is the whole name in DER."""

    name: str
    key_name: str
    post: str
    subject: bytes
    public_key: PublicKey
    algorithm: KeyAlgorithm
    not_before: datetime
    not_after: datetime
    crl_shards: int


class KnownAuthorities:
    """Finds authorities by the name of their key."""

    def __init__(self, store: Store, *, in_ceremony: bool) -> None:
        self._store = store
        self._in_ceremony = in_ceremony
        self._by_key = self._read()

    def of_key(self, key_name: str) -> KnownAuthority | None:
        """None when no authority has a key of this name."""
        if self._in_ceremony:
            self._by_key = self._read()
        return self._by_key.get(key_name)

    def names(self) -> list[str]:
        """Of all authorities, in order."""
        return sorted(one.name for one in self._by_key.values())

    def _read(self) -> dict[str, KnownAuthority]:
        with self._store.reading() as session:
            rows = session.execute(select(AuthorityRow).order_by(col(AuthorityRow.name))).scalars().all()
        return {row.key_name: known for row in rows if row.custody == "here" and (known := _known(row))}


def _known(row: AuthorityRow) -> KnownAuthority | None:
    try:
        certificate = x509.load_der_x509_certificate(row.der)
        public_key = check_key_strength(certificate.public_key())
    except (ValueError, CsrRejected):  # no certificate yet, or none that we can use
        return None
    return KnownAuthority(
        name=row.name,
        key_name=row.key_name,
        post=row.post,
        subject=certificate.subject.public_bytes(),
        public_key=public_key,
        algorithm=KeyAlgorithm(row.algorithm),
        not_before=row.not_before,
        not_after=row.not_after,
        crl_shards=row.crl_shards,
    )
