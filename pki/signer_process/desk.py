"""What the signer does with a request: judge, write down, then sign. No socket in sight."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.errors import KeyExists, PkiError, SignerRefused, SignerUnavailable, VaultUnavailable
from pki.keys import KeyAlgorithm, SignatureScheme, Signer
from pki.settings import PkiSettings
from pki.signer_process.frames import MOST_AT_ONCE, FrameBroken, Message, decode, encode
from pki.signer_process.judge import Judge, Refusal, verdict
from pki.signer_process.known import KnownAuthorities
from pki.signer_process.ledger import SIGNED, Ledger
from pki.signer_process.log import Entry
from pki.signer_process.requests import FIRMWARE_KEYS, Asked, kind_of
from pki.signer_process.reservations import Reservations
from pki.store import Store
from pki.vault import Vault

log = structlog.get_logger()


class SignerDesk:
    """Answers the requests of one signer process. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        ledger: Ledger,
        settings: PkiSettings,
        now: Callable[[], datetime],
        *,
        in_ceremony: bool,
    ) -> None:
        self._vault = vault
        self._ledger = ledger
        self._reservations = Reservations(store)
        self.known = KnownAuthorities(store, in_ceremony=in_ceremony)
        self._judge = Judge(self.known, self._reservations, settings, now, in_ceremony=in_ceremony)
        self._now = now
        self._in_ceremony = in_ceremony
        self._making = threading.Lock()

    def answer(self, request: Message, uid: int) -> Message:
        """The answer to a request of the user `uid`; what is wrong stands in it as `error`. Raises FrameBroken."""
        key, what = request.get("key"), request.get("do")
        if not isinstance(key, str) or not isinstance(what, str):
            raise FrameBroken("a request without `do` and `key`")
        acts: dict[str, Callable[[str, Message, int], Message]] = {
            "sign": self._sign,
            "digest": self._digest,
            "find": self._find,
            "holds": self._holds,
            "make": self._make,
            "forget": self._forget,
        }
        if what not in acts:
            raise FrameBroken(f"a request to {what[:20]!r}")
        try:
            return acts[what](key, request, uid)
        except (PkiError, ValueError, OSError) as fault:
            return {"error": _error(fault)}

    def turned_away(self, uid: int, why: str) -> None:
        """Write down a connection that got no answer. Raises OSError."""
        self._write([{"do": "connect", "verdict": "refused", "rule": "peer", "sentence": why}], uid)

    def _sign(self, key: str, request: Message, uid: int) -> Message:
        items = request.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= MOST_AT_ONCE:
            raise FrameBroken("a request for nothing, or for too much")
        octets = [decode(item) for item in items]
        signer = self._vault.signer(key)
        asked = [Asked(key, one, kind_of(one)) for one in octets]
        entries = self._write(self._judge.judge(asked, signer), uid)
        return {"outcomes": self._carry_out(signer, octets, entries)}

    def _carry_out(self, signer: Signer, octets: Sequence[bytes], entries: Sequence[Entry]) -> list[Message]:
        """Signatures for what may be signed and was not signed a moment ago."""
        known = [self._ledger.signature_of(entry) for entry in entries]
        is_new = [entry["verdict"] == SIGNED and found is None for entry, found in zip(entries, known, strict=True)]
        made = iter(signer.sign_each([one for one, new in zip(octets, is_new, strict=True) if new]))
        outcomes: list[Message] = []
        for entry, found, new in zip(entries, known, is_new, strict=True):
            outcome = next(made) if new else found
            outcomes.append(self._outcome(entry, outcome))
        return outcomes

    def _outcome(self, entry: Entry, outcome: bytes | PkiError | None) -> Message:
        if entry["verdict"] != SIGNED:
            return {"error": _refused(entry)}
        if not isinstance(outcome, bytes):
            return {"error": _error(outcome or SignerUnavailable(entry["key"], "nothing came back"))}
        self._ledger.signed(entry, outcome)
        return {"signature": encode(outcome)}

    def _digest(self, key: str, request: Message, uid: int) -> Message:
        """Firmware only: with a firmware signer's key, and for an order that is on record."""
        digest = decode(request.get("digest"))
        scheme = SignatureScheme(str(request.get("scheme")))
        refusal: Refusal | None = None
        if self.known.of_key(key) is not None or not self._reservations.is_firmware_key(key):
            refusal = Refusal("firmware-keys-only", "this is no firmware signer's key")
        elif len(digest) != 32 or not self._reservations.is_firmware_ordered(digest, scheme):
            refusal = Refusal("firmware-was-ordered", "no approved order has this digest and scheme")
        facts = {"do": "digest", "key": key, "digest": digest[:64].hex(), "scheme": scheme.value}
        entry = self._write([{**facts, **verdict(refusal)}], uid)[0]
        if refusal is not None:
            return {"error": _refused(entry)}
        return {"signature": encode(self._vault.signer(key).sign_digest(digest, scheme))}

    def _find(self, key: str, _request: Message, _uid: int) -> Message:
        public_key = self._vault.signer(key).public_key
        return {"public_key": encode(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))}

    def _holds(self, key: str, _request: Message, _uid: int) -> Message:
        return {"holds": self._vault.holds(key)}

    def _make(self, key: str, request: Message, uid: int) -> Message:
        """Firmware signers are renewed as time goes by; authorities are made in ceremonies only."""
        algorithm = KeyAlgorithm(str(request.get("algorithm")))
        refusal = None
        if not self._in_ceremony and not key.startswith(FIRMWARE_KEYS):
            refusal = Refusal("ceremony-only", "keys of authorities are made in a ceremony")
        entry = self._write([{"do": "make", "key": key, "algorithm": algorithm.value, **verdict(refusal)}], uid)[0]
        if refusal is not None:
            return {"error": _refused(entry)}
        self._vault.make_signer(key, algorithm)
        return {}

    def _forget(self, key: str, _request: Message, uid: int) -> Message:
        """A firmware signer's key goes when no certificate names it any more; an authority's never goes this way."""
        refusal = None
        if self.known.of_key(key) is not None or not key.startswith(FIRMWARE_KEYS):
            refusal = Refusal("only-what-is-not-needed", "the key of an authority is not deleted")
        elif self._reservations.is_firmware_key(key):
            refusal = Refusal("only-what-is-not-needed", "a certificate names this key")
        entry = self._write([{"do": "forget", "key": key, **verdict(refusal)}], uid)[0]
        if refusal is not None:
            return {"error": _refused(entry)}
        self._vault.forget(key)
        return {}

    def _write(self, entries: Sequence[Entry], uid: int) -> list[Entry]:
        at = self._now().isoformat()
        written = self._ledger.admit([{"at": at, "uid": uid, **entry} for entry in entries])
        for entry in written:
            if entry["verdict"] != SIGNED:
                log.warning("signer_refused", **entry)
        return written


def _refused(entry: Entry) -> Message:
    return {"kind": "refused", "code": entry["rule"], "sentence": entry["sentence"]}


def _error(fault: BaseException) -> Message:
    match fault:
        case SignerRefused():
            return {"kind": "refused", "code": fault.code, "sentence": fault.sentence}
        case VaultUnavailable():
            return {"kind": "away", "sentence": fault.sentence}
        case SignerUnavailable():
            return {"kind": "missing", "sentence": fault.sentence}
        case KeyExists():
            return {"kind": "exists", "sentence": fault.sentence}
        case ValueError():
            return {"kind": "refused", "code": "request", "sentence": str(fault)[:200]}
        case OSError():
            log.error("signer_log_failed", fault=str(fault))
            return {"kind": "away", "sentence": "its log cannot be written"}
    return {"kind": "away", "sentence": str(fault)[:200]}
