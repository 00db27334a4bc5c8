"""What is known of a station's trust, as bits: the database counts stations by their bits, rules read the bits. Pure.

A fleet of 100,000 stations has a few dozen patterns of bits, so that a rule written in Python is asked a few dozen
times, and the database does the rest.
"""

from dataclasses import dataclass
from enum import IntFlag


class Fact(IntFlag):
    """Of the station and its last connection."""

    SEEN = 1
    """It has connected, on a profile."""
    TLS = 2
    """Its last connection was over TLS."""
    MUTUAL = 4
    """It presented a certificate of ours (profile 3)."""
    EDGE = 8
    """An edge ended its TLS: our own certificates were not shown to it."""
    RSA_SERVER = 16
    """It was shown our RSA certificate: up to TLS 1.2 the suite tells (RFC 5246 §A.5)."""
    STATIC_RSA = 32
    """It used a suite without forward secrecy."""
    BELOW_FLOOR = 64
    """Its profile is below the one that would be asked for."""
    ENDS_BEFORE = 128
    """The certificate that it uses ends before the day that is looked at."""
    ISSUED_BY_LEAVING = 256
    """The certificate that it uses was issued by an authority that would be trusted no more, or issue no more."""
    ONLINE = 512
    EXCLUDED = 1024
    """An operator has taken it out of the veto."""
    NEXT_TOO_LONG = 2048
    """The chain of its next certificate would be longer than it takes."""
    RSA_TLS = 4096
    """By the quirk book its TLS can do RSA only, and no suite of an older TLS has told what it was shown."""
    TAKES_NO_ROOT = 8192
    """By the quirk book it takes no root over OCPP on the profile that it is on."""
    WALKS_NO_HIGHER = 16384
    """By the quirk book it cannot be walked as high as the profile that would be asked for."""


class RootFact(IntFlag):
    """Of the station and one root."""

    LISTED = 1
    """It stands in the station's last list."""
    ACCEPTED = 2
    """The station accepted it and has not deleted it since."""
    ACROSS = 4
    """What it accepted last is the form that another root has signed, which some stations cannot list."""
    REFUSED = 8
    """It has refused it since it accepted it, if it ever did."""
    LISTED_SINCE = 16
    """It has listed its roots since it accepted this one; or at all, when it never did."""
    SEEN_ALONE = 32
    """It connected while our server showed a chain under this root only, and has not deleted it since."""
    SEEN_AMONG = 64
    """It connected while the chain that it was shown ended here, or elsewhere."""
    PRESET = 128
    """Its maker puts it in at the factory."""
    UNSIGNED = 256
    """It takes a further root only when one that it holds has signed it, and none that it lists has signed this one."""
    NO_ROOM = 512
    """Its store is full."""
    OTHER_KEY = 1024
    """By the quirk book its TLS has no use for a root with such a key."""
    REPLACES = 2048
    """By the quirk book a new root takes the place of those that it holds."""


ROOT_SHIFTS = (16, 32)
"""Where the bits of the first and of the second root begin."""
_ROOT_MASK = 0xFFFF
_NOTHING = RootFact(0)


@dataclass(frozen=True, slots=True)
class Facts:
    """The bits of one station, or of all that have the same: of itself, and of the two roots that were asked about."""

    station: Fact
    first: RootFact = _NOTHING
    second: RootFact = _NOTHING

    @property
    def mask(self) -> int:
        """All of them in one number below 2⁴⁸, as the database counts them."""
        return int(self.station) | int(self.first) << ROOT_SHIFTS[0] | int(self.second) << ROOT_SHIFTS[1]


def facts_of(mask: int) -> Facts:
    """The bits that `Facts.mask` made a number of."""
    return Facts(
        Fact(mask & (1 << ROOT_SHIFTS[0]) - 1),
        RootFact(mask >> ROOT_SHIFTS[0] & _ROOT_MASK),
        RootFact(mask >> ROOT_SHIFTS[1] & _ROOT_MASK),
    )


def shown_rsa_certificate(station: Fact) -> bool:
    """Whether our server shows it the RSA certificate.

    With TLS 1.3 that is the ECDSA one: every client can verify it (RFC 8446 §9.1), and our server prefers it; but for
    clients of which the quirk book says that they cannot.
    """
    return bool(station & (Fact.RSA_SERVER | Fact.RSA_TLS))
