"""Kills an authority at every step of an act, and says what is left. Run as a program by `test_crash_points.py`.

A step is each statement that goes to the database, each commit and each signature, before it and after it. One child
process per step does the act and kills itself there with SIGKILL; the next child opens the folder again, looks, and
tries the act once more. Signatures go to a side file, on disk, before anybody gets them: so that none is overlooked.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import crl, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import event, select

from pki.audit import AuditTrail
from pki.authority import Authority, Order, RevocationReason
from pki.clock import utc_now
from pki.errors import AlreadyRevoked, NotHeld
from pki.keys import FileSigner
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import CertificateRow, IntentRow
from web.logs import set_up_logs

PASSPHRASE = Secret.of("for crash tests")
SETTINGS = PkiSettings(organisation="Crash Operator", hostnames=("localhost",))
SETTLED_AFTER = timedelta(minutes=11)


class Countdown:
    """Kills this process at the step that it was told, without any clearing up."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class WatchedSigner(FileSigner):
    """Writes each signed message down, for good, before the signature is handed out."""

    def __init__(self, real: FileSigner, side: Path, countdown: Countdown) -> None:
        self.__dict__ = dict(real.__dict__)
        self._side, self._countdown = side, countdown

    def sign(self, to_be_signed: bytes) -> bytes:
        self._countdown.step()
        signature = super().sign(to_be_signed)
        with self._side.open("a", encoding="ascii") as side:
            side.write(to_be_signed.hex() + "\n")
            side.flush()
            os.fsync(side.fileno())
        self._countdown.step()
        return signature


class WatchedKeys(KeyStore):
    def __init__(self, keys: KeyStore, side: Path, countdown: Countdown) -> None:
        self.__dict__ = dict(keys.__dict__)
        self._side, self._countdown = side, countdown

    def signer(self, name: str) -> FileSigner:
        return WatchedSigner(super().signer(name), self._side, self._countdown)


@dataclass
class Opened:
    """An authority in this process, watched step by step."""

    store: Store
    trail: AuditTrail
    authority: Authority


def open_folder(folder: Path, countdown: Countdown, clock: Callable[[], datetime] = utc_now) -> Opened:
    store = Store(f"sqlite:///{folder / 'voltward.db'}")
    keys = WatchedKeys(KeyStore.open(folder / "keys", PASSPHRASE), folder / "signed.hex", countdown)
    trail = AuditTrail(keys.secret("audit"), "crash")
    authority = Authority(store, keys, trail, SETTINGS, clock)
    authority.authorities()
    _watch(store, countdown)
    return Opened(store, trail, authority)


def _watch(store: Store, countdown: Countdown) -> None:
    def around(*_: Any) -> None:
        countdown.step()

    commit = store.engine.dialect.do_commit

    def watched_commit(connection: Any) -> None:
        countdown.step()
        commit(connection)
        countdown.step()

    event.listen(store.engine, "before_cursor_execute", around)
    event.listen(store.engine, "after_cursor_execute", around)
    store.engine.dialect.do_commit = watched_commit  # type: ignore[method-assign]


def request_pem(name: str, key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return built.public_bytes(Encoding.PEM).decode()


# --- the acts; each may be done again after it was broken off


def issue(opened: Opened, number: int, pem: str) -> None:
    request = opened.authority.read_request(pem)
    opened.authority.issue(Order(request, "station", f"SN-{number}", station=f"CS-{number}"), "test")


def revoke(opened: Opened, number: int, _pem: str) -> None:
    serial = _serial_of(opened, number)
    with suppress(AlreadyRevoked):  # refused cleanly: the act was done before the crash
        opened.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "test")
    opened.authority.refresh_crls()


def release(opened: Opened, number: int, _pem: str) -> None:
    serial = _serial_of(opened, number)
    with suppress(NotHeld):  # done before the crash
        opened.authority.release(serial, "test")
    opened.authority.refresh_crls()


def prepare_nothing(_opened: Opened, _number: int, _pem: str) -> None:
    """Issuing starts from nothing."""


def prepare_held(opened: Opened, number: int, pem: str) -> None:
    issue(opened, number, pem)
    opened.authority.revoke(_serial_of(opened, number), RevocationReason.CERTIFICATE_HOLD, "test")


ACTS = {"issue": (prepare_nothing, issue), "revoke": (issue, revoke), "release": (prepare_held, release)}


def _serial_of(opened: Opened, number: int) -> str:
    return opened.authority.certificates(station=f"CS-{number}")[0].serial


# --- what is left


def look(folder: Path, act: str, number: int) -> list[str]:
    """Everything that is wrong after the crash, the second try, and eleven more minutes."""
    opened = open_folder(folder, Countdown(0), lambda: utc_now() + SETTLED_AFTER)
    opened.authority.refresh_crls()
    with opened.store.reading() as session:
        wrong = [f"audit: {finding.sentence}" for finding in opened.trail.verify(session)]
        intents = {row.to_be_signed: row for row in session.execute(select(IntentRow)).scalars()}
        serials = [row.serial for row in session.execute(select(CertificateRow)).scalars()]
    wrong += ["a serial number was used twice"] if len(serials) != len(set(serials)) else []
    for signed in _signed_certificates(folder):
        intent = intents.get(signed)
        if intent is None:
            wrong.append("signed, but never intended")
        elif (intent.settled == "issued") != (intent.serial in serials):
            wrong.append(f"{intent.serial} is settled as {intent.settled}, against the certificates")
        elif intent.settled != "issued" and _ocsp(opened, signed) != "revoked":
            wrong.append(f"{intent.serial} was signed and given up, and is not revoked")
    return wrong + _doubled_lists(folder) + _outcome(opened, act, number)


def _doubled_lists(folder: Path) -> list[str]:
    """No number stands for two revocation lists of one authority and shard, published or not (RFC 5280 §5.2.3)."""
    found: dict[tuple[bytes, bytes, int], bytes] = {}
    wrong: list[str] = []
    for body, values in _signed_lists(folder):
        point = values["issuing_distribution_point"].contents if "issuing_distribution_point" in values else b""
        number = values["crl_number"].parsed.native
        if found.setdefault((body["issuer"].dump(), point, number), body.dump()) != body.dump():
            wrong.append(f"two revocation lists have the number {number}")
    return wrong if found else ["no revocation list was signed"]


def _outcome(opened: Opened, act: str, number: int) -> list[str]:
    found = opened.authority.certificates(station=f"CS-{number}")
    state = found[0].state.value if found else "missing"
    expected = {"issue": "good", "revoke": "revoked", "release": "good"}[act]
    return [] if state == expected else [f"after {act} the certificate is {state}"]


def _signed_certificates(folder: Path) -> list[bytes]:
    """The certificates among what was signed; revocation lists and OCSP answers have another shape."""
    found = []
    for line in (folder / "signed.hex").read_text(encoding="ascii").split():
        body = bytes.fromhex(line)
        try:
            asn1_x509.TbsCertificate.load(body, strict=True)["subject_public_key_info"].native  # noqa: B018
        except (ValueError, TypeError):
            continue
        found.append(body)
    return found


def _signed_lists(folder: Path) -> Iterator[tuple[crl.TbsCertList, dict[str, Any]]]:
    """The lists among what was signed, each with its extensions."""
    for line in (folder / "signed.hex").read_text(encoding="ascii").split():
        try:
            body = crl.TbsCertList.load(bytes.fromhex(line), strict=True)
            values = {one["extn_id"].native: one["extn_value"] for one in body["crl_extensions"]}
        except (ValueError, TypeError):
            continue
        if "crl_number" in values:  # certificates may be read as lists, but number none
            yield body, values


def _ocsp(opened: Opened, body: bytes) -> str:
    tbs = asn1_x509.TbsCertificate.load(body)
    issuers = {info.name: info for info in opened.authority.authorities()}
    issuer = next(i for i in issuers.values() if asn1_x509.Certificate.load(i.der).subject == tbs["issuer"])
    certificate = asn1_x509.Certificate.load(issuer.der)
    cert_id = {
        "hash_algorithm": {"algorithm": "sha1"},
        "issuer_name_hash": certificate.subject.sha1,
        "issuer_key_hash": certificate.public_key.sha1,
        "serial_number": tbs["serial_number"].native,
    }
    request = ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": cert_id}]}})
    answer = ocsp.OCSPResponse.load(opened.authority.answer_ocsp(request.dump()))
    status: str = answer.basic_ocsp_response["tbs_response_data"]["responses"][0]["cert_status"].name
    return status


# --- the driver


def kill_everywhere(folder: Path, act: str, stride: int) -> dict[str, Any]:
    """Kill `act` at step 1, 1 + stride … until it gets through; every fault that was found, by step."""
    faults: dict[int, list[str]] = {}
    for step in itertools.count(1, stride):
        was_killed, wrong = kill_at(folder, act, step)
        if wrong:
            faults[step] = wrong
        if not was_killed:
            return {"steps": step - stride, "faults": faults}
    raise AssertionError


def kill_at(folder: Path, act: str, step: int) -> tuple[bool, list[str]]:
    """Whether there was such a step to die at, and what was wrong afterwards."""
    prepare, do = ACTS[act]
    pem = request_pem(f"SN-{step}", ec.generate_private_key(ec.SECP256R1()))
    report = folder / "report.json"
    _child(lambda: prepare(open_folder(folder, Countdown(0)), step, pem))
    was_killed = _child(lambda: do(open_folder(folder, Countdown(step)), step, pem)) == -signal.SIGKILL
    _child(lambda: do(open_folder(folder, Countdown(0)), step, pem))
    _child(lambda: report.write_text(json.dumps(look(folder, act, step)), encoding="utf-8"))
    wrong: list[str] = json.loads(report.read_text(encoding="utf-8"))
    return was_killed, wrong


def _child(work: Callable[[], object]) -> int:
    """Do it in a process of its own. Returns 0 or the negative signal number; any other end is an error."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as fault:
            sys.stderr.write(f"{type(fault).__name__}: {fault}\n")
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code > 0:
        raise SystemExit("a child failed")
    return code


if __name__ == "__main__":
    set_up_logs("error")  # on standard error; clocks that jump raise alarms
    sys.stdout.write(json.dumps(kill_everywhere(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
