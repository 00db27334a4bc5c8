"""From the text of a certificate request to its DER, as the field spells it.

Stations and the tools around them send PEM with CR LF or no line ends at all, with the line ends spelled `\\n` or as
tabs, with words around it, without the armour, and (after the first edition of the 1.6 security whitepaper) as hex.
"""

import re
from base64 import b64decode

from pki.refusals import Refusal

LONGEST = 16_384  # OCPP allows 5,500 characters; RSA-8192 with a long subject still fits here
_ARMOUR = re.compile(r"-----BEGIN (?P<label>(?:NEW )?CERTIFICATE REQUEST)-----(?P<body>[^-]*)-----END (?P=label)-----")
_NAKED_BASE64 = re.compile(r"M[A-Za-z0-9+/]{64,}={0,2}")  # a SEQUENCE always begins with M
_NAKED_HEX = re.compile(r"30[0-9A-Fa-f]{128,}")
_SEQUENCE = b"\x30"


def request_der(text_or_bytes: str | bytes) -> tuple[bytes, tuple[str, ...]]:
    """The request's DER (not looked into), and what was odd about its spelling.

    Raises CsrRejected with code `too-long`, `not-pem` or `several-requests`.
    """
    if len(text_or_bytes) > LONGEST:
        raise Refusal.TOO_LONG.because(f"the request is longer than {LONGEST:,} characters")
    if isinstance(text_or_bytes, bytes):
        if _is_der(text_or_bytes):
            return text_or_bytes, ()
        text_or_bytes = text_or_bytes.decode("utf-8", "replace")
    text = text_or_bytes.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
    found = list(_ARMOUR.finditer(text))
    if len(found) > 1:
        raise Refusal.SEVERAL_REQUESTS.because(f"there are {len(found)} requests, where one was expected")
    return (_base64("".join(found[0]["body"].split())), ()) if found else _naked("".join(text.split()))


def _is_der(octets: bytes) -> bool:
    """Not a text that begins with the digit 0: a request's length begins with an octet that ASCII does not have."""
    return octets[:1] == _SEQUENCE and (octets[1:2] >= b"\x80" or b"-----BEGIN" not in octets)


def _naked(text: str) -> tuple[bytes, tuple[str, ...]]:
    """A request without armour. `text` has no blanks."""
    text = text.removeprefix("\ufeff")
    if _NAKED_BASE64.fullmatch(text):
        return _base64(text), ("base64 without PEM armour",)
    if _NAKED_HEX.fullmatch(text) and len(text) % 2 == 0:
        return bytes.fromhex(text), ("hex instead of PEM",)
    raise Refusal.NOT_PEM.because()


def _base64(body: str) -> bytes:
    try:
        return b64decode(body, validate=True)
    except ValueError:
        raise Refusal.NOT_PEM.because("the PEM block is not base64 (RFC 7468 §3)") from None
