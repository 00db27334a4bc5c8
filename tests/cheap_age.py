"""age's passphrase encryption with little work (C2SP age v1: "The scrypt recipient type").

pyrage takes as much work as fills a second of this machine and cannot be told otherwise; it opens these as well.
"""

import os
from base64 import b64encode

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_WORK = 4  # the logarithm of scrypt's N


def encrypt(plain: bytes, passphrase: str, armored: bool = False) -> bytes:
    """As pyrage.passphrase.encrypt, for what fits into one piece of 64 KiB; armoured only."""
    assert armored
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    labelled = b"age-encryption.org/v1/scrypt" + salt
    wrapping = Scrypt(salt=labelled, length=32, n=2**_WORK, r=8, p=1).derive(passphrase.encode())
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_unpadded(salt), _WORK, _unpadded(wrapped))
    mac = HMAC(_derived(file_key, b"", b"header"), SHA256())
    mac.update(header)
    last = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\x01", plain, None)
    return _armoured(header + b" " + _unpadded(mac.finalize()) + b"\n" + nonce + last)


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _unpadded(octets: bytes) -> bytes:
    return b64encode(octets).rstrip(b"=")


def _armoured(octets: bytes) -> bytes:
    text = b64encode(octets)
    rows = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"-----BEGIN AGE ENCRYPTED FILE-----\n" + rows + b"-----END AGE ENCRYPTED FILE-----\n"
