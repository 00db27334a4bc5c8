"""Payloads of commands that hold secrets, sealed while they wait: a database, its log and its copies show nothing."""

import base64
import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class SealBroken(Exception):
    """Sealed under another key, for another station, or changed."""


class PayloadSeal:
    """AES-256-GCM, bound to the station. `key`: 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, station: str, payload: Mapping[str, object]) -> str:
        """The payload as base64 of nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher.encrypt(nonce, json.dumps(dict(payload)).encode(), station.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, station: str, sealed: str) -> dict[str, object]:
        """The payload again. Raises SealBroken."""
        raw = base64.b64decode(sealed)
        try:
            payload: dict[str, object] = json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], station.encode()))
        except InvalidTag:
            raise SealBroken from None
        return payload
