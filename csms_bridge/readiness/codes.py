"""The reasons for which a walk may go badly, by name: what pages, tables and filters call them too."""

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Order(StrEnum):
    """In which order stations are listed."""

    STATION = "station"
    SCORE = "score"
    """The lowest first; those that were not assessed yet are left out."""


class Verdict(StrEnum):
    """What comes of the reasons together; the first that fits, in this order."""

    THERE = "there"
    """It has reached the goal, or is above it."""
    UNDER_WAY = "under-way"
    BLOCKED = "blocked"
    """A walk cannot be begun, or is known to end on hold."""
    RISKY = "risky"
    """It can be begun, and something speaks against it."""
    UNSURE = "unsure"
    """Nothing speaks against it, and something that might is not known."""
    READY = "ready"


class Effect(StrEnum):
    """What a reason does to the verdict."""

    BLOCKS = "blocks"
    RISK = "risk"
    UNKNOWN = "unknown"
    NOTE = "note"
    """It changes the path, or costs time; it speaks against nothing."""


class Code(StrEnum):
    """One reason."""

    HELD = "on-hold"
    UNDER_WAY = "walk-under-way"
    LANE = "pending-only"
    VERSION_UNKNOWN = "version-unknown"
    NO_WALK = "no-such-walk"
    MODEL = "model-cannot"
    NO_ISSUER = "no-issuer"
    NEVER_SEEN = "never-seen"
    ASLEEP = "asleep"
    AWAY = "away"
    CHARGING = "charging"
    QUIET = "quiet"
    MIGRATING = "changes-version"
    LAST_WALK = "last-walk-ended-badly"
    COMPLAINED = "complained"
    KIND_UNKNOWN = "kind-unknown"
    FIRMWARE_REVOKED = "firmware-revoked"
    LEARNED = "learned"
    NEVER_READ = "never-read"
    READ_BEFORE = "read-before-it-changed"
    TELLS_NOTHING = "tells-no-settings"
    TELLS_NO_SLOTS = "tells-no-slots"
    NO_REPORT = "no-report"
    NO_EXTENSION = "no-security-extension"
    EXTENSION_UNKNOWN = "extension-unknown"
    ONE_SLOT = "one-slot"
    SLOTS_UNKNOWN = "slots-unknown"
    NO_PRIORITY = "no-priority"
    PASSWORD_LENGTH = "password-too-long"  # noqa: S105 -- the name of a reason
    PASSWORD_FIXED = "password-fixed"  # noqa: S105 -- the name of a reason
    FIRST_PASSWORD = "first-password-in-clear"  # noqa: S105 -- the name of a reason
    CLOCK_IMPOSSIBLE = "clock-outside-our-root"
    CLOCK = "clock-off"
    CLOCK_UNKNOWN = "clock-unknown"
    STORE_FULL = "store-full"
    ONE_ROOT = "room-for-one-root"
    ROOT_CHECK = "additional-root-check"
    ROOT_ON_SITE = "root-on-site"
    ROOT_ON_SITE_UNKNOWN = "root-on-site-unknown"
    ROOT_REFUSED = "root-refused"
    LISTS_NONE = "cannot-list-roots"
    NEVER_LISTED = "roots-never-listed"
    CHAIN = "chain-too-long"
    CHAIN_BY_KEY = "chain-depends-on-key"
    SERIAL = "serial-number"
    IDENTITY = "identity"
    REQUEST_REFUSED = "request-refused"
    ASKS_BY_ITSELF = "asks-by-itself"
    RSA_ONLY = "rsa-only"
    NEEDS_RESET = "needs-reset"
    QUIRKS = "odd-by-the-book"
    TRANSFER = "file-transfer"


WORDS: Mapping[Code, str] = {
    Code.HELD: "its walk is on hold",
    Code.UNDER_WAY: "a walk of it is under way",
    Code.LANE: "it is let in as Pending only",
    Code.VERSION_UNKNOWN: "its OCPP version is not known",
    Code.NO_WALK: "there is no such walk",
    Code.MODEL: "its model cannot be walked there",
    Code.NO_ISSUER: "no authority issues for its key",
    Code.NEVER_SEEN: "it has never connected",
    Code.ASLEEP: "it has not been seen for 30 days",
    Code.AWAY: "it is offline now",
    Code.CHARGING: "it is charging",
    Code.QUIET: "it is sent nothing unasked",
    Code.MIGRATING: "it is about to change its OCPP version",
    Code.LAST_WALK: "its last walk ended badly",
    Code.COMPLAINED: "it complained of certificates or TLS",
    Code.KIND_UNKNOWN: "its maker and model are not known",
    Code.FIRMWARE_REVOKED: "its firmware was revoked",
    Code.LEARNED: "stations of its kind showed something odd",
    Code.NEVER_READ: "its settings were never read",
    Code.READ_BEFORE: "its settings were read before it changed",
    Code.TELLS_NOTHING: "it tells no settings",
    Code.TELLS_NO_SLOTS: "it tells nothing of its connection slots",
    Code.NO_REPORT: "it gives no report",
    Code.NO_EXTENSION: "it has no security extension",
    Code.EXTENSION_UNKNOWN: "whether it has the security extension is not known",
    Code.ONE_SLOT: "it has one connection slot only",
    Code.SLOTS_UNKNOWN: "its connection slots are not known",
    Code.NO_PRIORITY: "it does not tell the order of its slots",
    Code.PASSWORD_LENGTH: "our passwords are too long for it",
    Code.PASSWORD_FIXED: "its password cannot be written",
    Code.FIRST_PASSWORD: "its first password crosses the network in clear",
    Code.CLOCK_IMPOSSIBLE: "by its clock our root is not valid",
    Code.CLOCK: "its clock is off",
    Code.CLOCK_UNKNOWN: "its clock was never heard",
    Code.STORE_FULL: "its certificate store is full",
    Code.ONE_ROOT: "it keeps one root only",
    Code.ROOT_CHECK: "it takes a new root only when the old one signed it",
    Code.ROOT_ON_SITE: "our root must be installed on site first",
    Code.ROOT_ON_SITE_UNKNOWN: "whether our root was installed on site is not known",
    Code.ROOT_REFUSED: "it refused our root",
    Code.LISTS_NONE: "it cannot list its roots",
    Code.NEVER_LISTED: "it has never listed its roots",
    Code.CHAIN: "its certificate chain would be too long",
    Code.CHAIN_BY_KEY: "an RSA key would make its chain too long",
    Code.SERIAL: "it says another serial number",
    Code.IDENTITY: "it calls itself otherwise",
    Code.REQUEST_REFUSED: "its last certificate came to nothing",
    Code.ASKS_BY_ITSELF: "it asks for certificates by itself only",
    Code.RSA_ONLY: "it can do RSA only",
    Code.NEEDS_RESET: "it must be restarted",
    Code.QUIRKS: "the quirk book changes its path",
    Code.TRANSFER: "it fetches no files over HTTP",
}
"""Each reason as it is told of any station; a station's own sentence says it more closely."""

MAY_BLOCK = frozenset(
    {
        Code.HELD, Code.LANE, Code.VERSION_UNKNOWN, Code.NO_WALK, Code.MODEL, Code.NO_ISSUER, Code.TELLS_NO_SLOTS,
        Code.NO_EXTENSION, Code.ONE_SLOT, Code.PASSWORD_LENGTH, Code.CLOCK_IMPOSSIBLE, Code.STORE_FULL,
        Code.ROOT_ON_SITE, Code.CHAIN, Code.SERIAL,
    }
)  # fmt: skip
"""Reasons by which a walk cannot be begun, or is known to end on hold."""

_BITS: Mapping[Code, int] = {code: 1 << place for place, code in enumerate(Code)}


def mask_of(codes: Iterable[Code]) -> int:
    """These reasons as one number below 2⁶³, as the database keeps and counts them."""
    mask = 0
    for code in codes:
        mask |= _BITS[code]
    return mask


def codes_of(mask: int) -> tuple[Code, ...]:
    """The reasons that `mask_of` made a number of, in the order of the list."""
    return tuple(code for code, bit in _BITS.items() if mask & bit)


EDITION = hashlib.sha256(",".join([*Code, *Verdict]).encode()).hexdigest()[:8]
"""Of this list: what an older program has stored by another one is no assessment any more, and is made anew."""
