"""Every reason why a certificate request is refused, with its rule and what to do about it: one table, told in docs.

The code is stable: scripts may compare it. The sentence here is the general one; where the fault is found a closer
one may take its place.
"""

from dataclasses import dataclass
from enum import Enum

from pki.errors import CsrRejected

_OCPP = "OCPP 2.0.1 edition 3"
_NEW_KEY = "Have the station make a new key and ask again."
_MAKER = "Report it to the station's maker: its software makes requests that nobody should sign."
_ALONE = "Have one request sent, alone."


@dataclass(frozen=True, slots=True)
class Rule:
    """`clause` names where the rule comes from, `advice` is for the operator."""

    code: str
    sentence: str
    clause: str
    advice: str


class Refusal(Enum):
    """The rules, in the order in which a request meets them."""

    TOO_LONG = Rule("too-long", "the request is too long", f"{_OCPP} SignCertificateRequest (5,500 characters)", _ALONE)
    NOT_PEM = Rule(
        "not-pem",
        "there is no PEM block called CERTIFICATE REQUEST",
        f"{_OCPP} A00.FR.507",
        "Send the PKCS#10 request as PEM, from -----BEGIN to -----END.",
    )
    SEVERAL_REQUESTS = Rule("several-requests", "there are several requests", f"{_OCPP} A02.FR.03", _ALONE)
    UNREADABLE = Rule("unreadable", "the request is not a PKCS#10 structure in DER", "RFC 2986 §4, X.690 §10", _MAKER)
    TOO_COMPLEX = Rule("too-complex", "the request has more parts than any station needs", "RFC 2986 §4", _MAKER)
    BAD_VERSION = Rule("bad-version", "the request has a version that does not exist", "RFC 2986 §4.1", _MAKER)
    BAD_ATTRIBUTES = Rule(
        "bad-attributes", "the request asks for one extension twice", "RFC 2985 §5.4.2, RFC 5280 §4.2", _MAKER
    )
    KEY_TYPE = Rule(
        "key-type",
        "the key is neither RSA nor on a NIST curve",
        f"{_OCPP} A00.FR.502",
        "Have the station make an EC P-256 key, or an RSA key of 2048 bits or more.",
    )
    EXPLICIT_CURVE = Rule(
        "explicit-curve", "the key brings its own curve instead of naming one", "RFC 5480 §2.1.1, CVE-2020-0601", _MAKER
    )
    BAD_POINT = Rule("bad-point", "the key is not a point on its curve", "RFC 5480 §2.2, SEC 1 §2.3.4", _NEW_KEY)
    BAD_KEY = Rule("bad-key", "the public key cannot be read", "RFC 3279 §2.3.1, RFC 5280 §4.1.2.7", _NEW_KEY)
    WEAK_KEY = Rule("weak-key", "the key is too short", f"{_OCPP} A00.FR.502", _NEW_KEY)
    KEY_TOO_LARGE = Rule(
        "key-too-large", "the key is too large", "ours: 8192 bits", "Have the station make a key of 2048 to 4096 bits."
    )
    BAD_EXPONENT = Rule(
        "bad-exponent", "the RSA exponent must be odd, at least 65537 and below 2^64", "FIPS 186-5 §5.4", _NEW_KEY
    )
    FACTORABLE = Rule("factorable", "the RSA modulus has a small factor or is a power", "FIPS 186-5 §A.1.1", _MAKER)
    CLOSE_PRIMES = Rule(
        "close-primes",
        "the two primes of the RSA key lie too close together",
        "FIPS 186-5 §A.1.3, CVE-2022-26320",
        _MAKER,
    )
    ROCA = Rule(
        "roca",
        "the RSA key was made by a chip whose keys can be factored",
        "CVE-2017-15361",
        "Update the firmware of the station's security chip, or use an EC key; revoke what the chip had before.",
    )
    PUBLISHED_KEY = Rule("published-key", "the private key is known to everybody", f"{_OCPP} A00.FR.502", _MAKER)
    WEAK_SIGNATURE = Rule(
        "weak-signature", "the request is signed with less than SHA-256", f"{_OCPP} A00.FR.506", _MAKER
    )
    ODD_SIGNATURE = Rule(
        "odd-signature",
        "the signature algorithm is unknown, or has odd parameters",
        "RFC 4055 §3.1, RFC 5758 §3.2",
        _MAKER,
    )
    BAD_SIGNATURE = Rule("bad-signature", "the request is not signed by the key it names", "RFC 2986 §4.2", _MAKER)
    BAD_NAME = Rule(
        "bad-name",
        "the subject holds a name that is too long, doubled or not printable",
        "RFC 5280 §4.1.2.4, X.520 (64 characters)",
        "Correct the serial number or the operator's name in the station's settings.",
    )
    WRONG_COMMON_NAME = Rule(
        "wrong-common-name",
        "the request names another station",
        f"{_OCPP} A00.FR.405",
        "Compare the serial number on record with the station's; one of the two is wrong.",
    )
    WRONG_ORGANISATION = Rule(
        "wrong-organisation",
        "the request names another operator",
        f"{_OCPP} A00.FR.404",
        "Set CpoName (1.6) or OrganizationName (2.x) on the station, or turn VOLTWARD_STRICT_ORGANISATION off.",
    )
    KEY_OF_AN_AUTHORITY = Rule(
        "key-of-an-authority",
        "the key is one of an authority's own",
        f"{_OCPP} A00.FR.427",
        "Find out how the station came by it: if it holds the private key, the authority is compromised.",
    )
    KEY_BLOCKED = Rule("key-blocked", "the key is blocked", f"{_OCPP} A00.FR.502", _NEW_KEY)
    KEY_COMPROMISED = Rule(
        "key-compromised", "a certificate with this key was revoked for key compromise", "RFC 5280 §5.3.1", _NEW_KEY
    )
    KEY_USED_ELSEWHERE = Rule(
        "key-used-elsewhere",
        "the key was seen before at another station",
        f"{_OCPP} A00.FR.427",
        "Find out which of the two has the key by right, and have the other make a new one.",
    )
    UNKNOWN_STATION = Rule(
        "unknown-station",
        "the station is not registered any more",
        f"{_OCPP} A02.FR.12",
        "Register the station before it asks again.",
    )
    OTHER_SUBJECT = Rule(
        "other-subject",
        "the names are not those of the certificate to renew",
        "RFC 7030 §4.2.2",
        "Ask with the subject of the certificate, as it is; a station under another name enrols with a code.",
    )
    OTHER_CHANNEL = Rule(
        "other-channel",
        "the challengePassword names another TLS connection than the one that the request came over",
        "RFC 7030 §3.5",
        "Find out who stands between the station and the service.",
    )

    def because(self, sentence: str = "") -> CsrRejected:
        """The refusal to be raised, with a closer sentence where there is one."""
        rule: Rule = self.value
        return CsrRejected(rule.code, sentence or rule.sentence, rule.clause, rule.advice)
