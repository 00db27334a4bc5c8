"""Kills a ceremony at every step, and holds it again. Run as a program by `test_ceremony_crashes.py`.

A step is each statement that goes to the database, each commit and each signature, before it and after it, and each
key, after it was made.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from sqlalchemy import select
from sqlmodel import col

from pki.audit import AuditTrail
from pki.authority import Authority
from pki.keys import FileSigner, KeyAlgorithm
from pki.keystore import KeyStore
from pki.store import Store
from pki.tables import IntentRow
from tests.end_to_end.crash_points import PASSPHRASE, SETTINGS, Countdown, Opened, WatchedKeys, _watch

FILE = """\
title = "To be interrupted"
[[root]]
name = "root"
[[root]]
name = "second"
common_name = "Second"
algorithm = "ec-p384"
[[issuing]]
name = "stations"
parent = "root"
post = "stations"
[[cross]]
authority = "second"
issuer = "root"
"""
MADE = {"root", "second", "stations"}
NEVER = 10**9


class CeremonyKeys(WatchedKeys):
    """Making a key is a step too."""

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> FileSigner:
        made = super().make_signer(name, algorithm)
        self._countdown.step()
        return self.signer(made.name)


def open_folder(folder: Path, at: int) -> tuple[Opened, Countdown]:
    store = Store(f"sqlite:///{folder / 'voltward.db'}")
    countdown = Countdown(at)
    keys = CeremonyKeys(KeyStore.open(folder / "keys", PASSPHRASE), folder / "signed.hex", countdown)
    trail = AuditTrail(keys.secret("audit"), "crash")
    opened = Opened(store, trail, Authority(store, keys, trail, SETTINGS))
    _watch(store, countdown)
    return opened, countdown


def hold(folder: Path, at: int) -> bool:
    """Hold the ceremony in a child that dies at step `at`; whether it came to the end."""
    child = os.fork()
    if child == 0:
        opened, _ = open_folder(folder, at)
        opened.authority.hold_ceremony(FILE, "test")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def faults_after(folder: Path) -> list[str]:
    """What is wrong with what a dead ceremony left, and with holding it again."""
    opened, _ = open_folder(folder, NEVER)
    found = {info.name for info in opened.authority.authorities()}
    faults = [] if found in (set(), MADE) else [f"half of it is there: {sorted(found)}"]
    if len(opened.authority.ceremonies()) != bool(found):
        faults.append("authorities and records do not go together")
    if unknown := _signed(folder) - _intended(opened.store):
        faults.append(f"{len(unknown)} certificates were signed without an intent")
    keys = {path.name: path.read_bytes() for path in (folder / "keys").glob("*.key")}
    opened.authority.hold_ceremony(FILE, "test")
    if {info.name for info in opened.authority.authorities()} != MADE or len(opened.authority.ceremonies()) != 1:
        faults.append("held again, it does not end well")
    if any((folder / "keys" / name).read_bytes() != content for name, content in keys.items()):
        faults.append("a key was made twice")
    if len(opened.authority.cross_certificates()) != 1:
        faults.append("the cross-certificate is missing, or there twice")
    with opened.store.reading() as session:
        faults += [finding.sentence for finding in opened.trail.verify(session)]
    opened.store.close()
    return faults


def _signed(folder: Path) -> set[bytes]:
    """To-be-signed certificates that got a signature; the ceremony's record is none."""
    lines = (folder / "signed.hex").read_text().split()
    return {message for line in lines if (message := bytes.fromhex(line))[:1] == b"\x30" and _is_certificate(message)}


def _is_certificate(message: bytes) -> bool:
    return asn1_x509.TbsCertificate.load(message)["version"].native == "v3"


def _intended(store: Store) -> set[bytes]:
    with store.reading() as session:
        return set(session.execute(select(col(IntentRow.to_be_signed))).scalars())


def main(template: Path, room: Path, stride: int) -> None:
    """`template` is a folder with tables and keys and no authority; each step gets a copy of it in `room`."""
    report: dict[str, list[str]] = {}
    step = 1 - stride
    ended = False
    while not ended:
        step += stride
        folder = room / f"step-{step}"
        shutil.copytree(template, folder)
        ended = hold(folder, step)
        if faults := faults_after(folder):
            report[str(step)] = faults
        shutil.rmtree(folder)
    sys.stdout.write(json.dumps({"steps": step, "faults": report}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
