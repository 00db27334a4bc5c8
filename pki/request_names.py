"""The names that a request claims: CN and O of its subject, to be compared with our records and never copied."""

from pki.refusals import Refusal
from pki.strict_der import NotDerError, elements

_COMMON_NAME = bytes.fromhex("550403")
_ORGANISATION = bytes.fromhex("55040a")
_OBJECT_IDENTIFIER, _SEQUENCE, _SET = 0x06, 0x30, 0x31
_LONGEST = 64  # X.520: ub-common-name and ub-organization-name
# DirectoryString (RFC 5280 §4.1.2.4) and what old software writes instead: UTF8String, PrintableString, TeletexString,
# IA5String, VisibleString, UniversalString, BMPString. Senders put UTF-8 into all of the one-byte kinds.
_ENCODINGS = {
    0x0C: "utf-8",
    0x13: "utf-8",
    0x14: "utf-8",
    0x16: "utf-8",
    0x1A: "utf-8",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


def claimed_names(subject: bytes) -> tuple[str | None, str | None]:
    """CN and O; None for one that is absent or blank. `subject` is the contents of an RDNSequence.

    Raises CsrRejected `bad-name`; NotDerError for what is no name.
    """
    found: dict[bytes, list[str]] = {_COMMON_NAME: [], _ORGANISATION: []}
    for tag, contents, _ in elements(subject):
        if tag != _SET:
            raise NotDerError("a name is a sequence of sets")
        kind, encoding, value = _pair(contents)
        if kind in found:
            found[kind].append(_text(encoding, value))
    return _only("common name", found[_COMMON_NAME]), _only("organisation", found[_ORGANISATION])


def _pair(contents: bytes) -> tuple[bytes, int, bytes]:
    """The kind, the tag and the octets of the one attribute of a RelativeDistinguishedName."""
    pairs = list(elements(contents))
    if len(pairs) != 1 or pairs[0][0] != _SEQUENCE:
        raise Refusal.BAD_NAME.because("the subject has several attributes in one place")
    parts = list(elements(pairs[0][1]))
    if len(parts) != 2 or parts[0][0] != _OBJECT_IDENTIFIER:
        raise NotDerError("an attribute is a kind and a value")
    return parts[0][1], parts[1][0], parts[1][1]


def _text(tag: int, value: bytes) -> str:
    try:
        return value.decode(_ENCODINGS[tag])
    except (KeyError, UnicodeDecodeError):
        raise Refusal.BAD_NAME.because("the subject holds a name that is no text") from None


def _only(what: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise Refusal.BAD_NAME.because(f"the subject has {len(values)} times the {what}, where one was expected")
    if not values or not values[0].strip():
        return None
    value = values[0]
    if not value.isprintable():
        raise Refusal.BAD_NAME.because(f"the {what} holds characters that no name has")
    if len(value) > _LONGEST:
        raise Refusal.BAD_NAME.because(f"the {what} has {len(value)} characters; {_LONGEST} are the most")
    return value
