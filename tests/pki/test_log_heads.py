"""Tree heads: what OpenSSL and the rules of signed notes say of them, and that no character can be changed."""

import hashlib
from base64 import b64decode
from pathlib import Path

import pytest

from pki.hash_tree import EMPTY
from pki.log_heads import HeadRefused, LogKey, LogSigner, TreeHead
from tests.pki.conftest import openssl
from tests.tools_needed import needs_openssl

SIGNER = LogSigner(bytes(range(32)))
ROOT = hashlib.sha256(b"root").digest()
NOTE = SIGNER.head(7, ROOT)


def test_a_head_is_opened_with_the_logs_key() -> None:
    head = SIGNER.public.opened(NOTE)
    assert head == TreeHead(SIGNER.public.origin, 7, ROOT)
    assert SIGNER.public.opened(SIGNER.head(0, EMPTY)).size == 0
    assert LogKey.read(SIGNER.public.pem).opened(NOTE) == head


def test_no_character_of_a_head_can_be_changed() -> None:
    for place in range(len(NOTE)):
        for other in {chr(ord(NOTE[place]) ^ 1), "", NOTE[place] * 2}:
            with pytest.raises(HeadRefused):
                SIGNER.public.opened(NOTE[:place] + other + NOTE[place + 1 :])


def test_another_logs_head_is_refused() -> None:
    other = LogSigner(bytes(32))
    assert other.public.origin != SIGNER.public.origin
    with pytest.raises(HeadRefused, match="another log"):
        other.public.opened(NOTE)
    renamed = NOTE.replace(SIGNER.public.origin, other.public.origin)
    with pytest.raises(HeadRefused, match="another key"):
        other.public.opened(renamed)


@pytest.mark.parametrize("size", ["07", "-7", "7 ", "٧", "9" * 30, ""])
def test_a_size_has_one_spelling(size: str) -> None:
    with pytest.raises(HeadRefused):
        SIGNER.public.opened(NOTE.replace("\n7\n", f"\n{size}\n"))


def test_the_note_follows_signed_note_and_tlog_checkpoint() -> None:
    """C2SP signed-note: name, a blank, four octets of key id and the signature; the key id as it says."""
    body, _, line = NOTE.partition("\n\n")
    origin, size, root = body.split("\n")
    assert (size, b64decode(root)) == ("7", ROOT)
    name, _, key = SIGNER.public.verifier.partition("+")
    key_id, _, encoded = key.partition("+")
    raw = b64decode(encoded)
    assert name == origin
    assert hashlib.sha256(f"{name}\n".encode() + raw).digest()[:4].hex() == key_id
    assert line.startswith(f"— {name} ")
    assert b64decode(line.split(" ")[2])[:4].hex() == key_id
    assert line.endswith("\n")


@needs_openssl
def test_openssl_verifies_a_head(tmp_path: Path) -> None:
    body, _, line = NOTE.partition("\n\n")
    key, text, signature = tmp_path / "log.pem", tmp_path / "text", tmp_path / "signature"
    key.write_text(SIGNER.public.pem)
    text.write_text(body + "\n")
    signature.write_bytes(b64decode(line.split(" ")[2])[4:])
    judge = ("pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", text, "-sigfile", signature)
    assert "Verified Successfully" in openssl(*judge).stdout
    text.write_text(body.replace("\n7\n", "\n8\n") + "\n")
    assert openssl(*judge).returncode != 0


@pytest.mark.parametrize("pem", ["", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_is_none_is_refused(pem: str) -> None:
    with pytest.raises(HeadRefused):
        LogKey.read(pem)
