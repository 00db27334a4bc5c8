"""Where what was observed, what a station says of itself, and what is wanted do not fit together. Pure.

Each difference is a sentence and the next safe act. A station that says nothing of a setting differs in nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from csms_bridge.posture.subjects import Subject, slots_in
from csms_bridge.station import OcppVersion, SecurityProfile, Station

ADVISED_CHAIN = 5600
"""Characters of a certificate chain that a station should take (2.x MaxCertificateChainSize)."""
ROOTS_FOR_A_ROLL_OVER = 2


class DifferenceKind(StrEnum):
    """What does not fit."""

    PROFILE_CONFIGURED = "profile-configured"
    PROFILE_WANTED = "profile-wanted"
    NO_EXTENSION = "no-security-extension"
    OPERATOR = "operator-name"
    IDENTITY = "identity"
    SERIAL = "serial-number"
    CHAIN = "chain-too-long"
    ROOTS = "no-room-for-a-root"
    TRANSFER = "file-transfer"
    REVEALS = "reveals-a-secret"
    CLOCK = "clock"
    CIPHER = "no-forward-secrecy"
    DOWNGRADE = "may-be-lowered"
    OLD_SLOT = "slot-below-floor"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not fit, in a sentence, and what to do about it next."""

    kind: DifferenceKind
    sentence: str
    next_act: str


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is compared. `configured` are the station's own words; `slots` the profile of each 2.1 slot.

    `chain_length`: characters of the chain that it presents a certificate of, None while it has none.
    `extension`: whether a 1.6 station has the security extension, None while nobody knows.
    """

    station: Station
    organisation: str
    tolerance: timedelta
    boot_serial: str | None = None
    cipher: str | None = None
    configured: Mapping[Subject, str] | None = None
    room_for_roots: int | None = None
    slots: Mapping[int, str] | None = None
    chain_length: int | None = None
    extension: bool | None = None
    reveals: Sequence[str] = ()
    clock_offset: timedelta | None = None
    walking: bool = False
    read_on: SecurityProfile | None = None
    """The profile on which the settings were read last; None when nobody knows."""

    def says(self, subject: Subject) -> str | None:
        """What the station says of a setting; None when it does not."""
        return (self.configured or {}).get(subject)

    @property
    def is_changing(self) -> bool:
        """Whether what a walk changes is on the way: it is walked now, or was read before it came on its profile.

        Then it is read anew soon (see posture.schedule), and its old words prove nothing.
        """
        return self.walking or (self.read_on is not None and self.read_on is not self.station.profile)


def differences_of(known: Known) -> list[Difference]:
    """All that does not fit, the gravest first."""
    found = [check(known) for check in _CHECKS]
    return [difference for difference in found if difference is not None]


def in_words(offset: timedelta) -> str:
    """A clock's error for people: `3 h 20 min behind`."""
    seconds = abs(round(offset.total_seconds()))
    if seconds == 0:
        return "exact to the second"
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return f"{' '.join(parts[:2])} {'ahead' if offset > timedelta() else 'behind'}"


def _reveals(known: Known) -> Difference | None:
    if not known.reveals:
        return None
    names = ", ".join(known.reveals[:3])
    return Difference(
        DifferenceKind.REVEALS,
        f"It tells a secret to whoever reads its settings: {names}. The value was not kept.",
        "Walk it to profile 3, where no password counts, and report it to its maker. On profile 1 and 2 change its "
        "password after every reading over a plain line.",
    )


def _profile_configured(known: Known) -> Difference | None:
    said, seen = known.says(Subject.PROFILE), known.station.profile
    if said is None or seen is None or known.is_changing or said.strip() == str(int(seen)):
        return None
    return Difference(
        DifferenceKind.PROFILE_CONFIGURED,
        f"It says that it is on security profile {said[:20]!r}, and it connected on profile {int(seen)}.",
        "Read its settings again. If it stays, look at the timeline: a station that fell back says the higher one.",
    )


def _profile_wanted(known: Known) -> Difference | None:
    station = known.station
    if station.profile is None or station.profile >= station.wanted_profile or known.walking:
        return None
    wanted, way = int(station.wanted_profile), station.hold or ""
    return Difference(
        DifferenceKind.PROFILE_WANTED,
        f"It is on profile {int(station.profile)}, and profile {wanted} is wanted.",
        f"It is on hold ({way}): mend that first." if way else f"voltward walk start {station.id} --to {wanted}",
    )


def _no_extension(known: Known) -> Difference | None:
    if known.station.ocpp_version is not OcppVersion.V16 or known.extension is not False:
        return None
    if (known.station.profile or SecurityProfile.NONE) >= SecurityProfile.TLS_BASIC:
        return None
    return Difference(
        DifferenceKind.NO_EXTENSION,
        "It has no security extension: it knows neither certificates nor security profiles over OCPP.",
        "Ask its maker for firmware with the security extension; until then keep its line in a network of its own.",
    )


def _operator(known: Known) -> Difference | None:
    said = known.says(Subject.OPERATOR)
    if said is None or said == known.organisation or known.is_changing:
        return None
    named = f"is {said[:60]!r}" if said else "is empty"
    return Difference(
        DifferenceKind.OPERATOR,
        f"Its operator's name {named}, and ours is {known.organisation!r}: it stands in its certificate requests.",
        "A walk to profile 3 sets it before it asks for a certificate; nothing breaks meanwhile.",
    )


def _identity(known: Known) -> Difference | None:
    said = known.says(Subject.IDENTITY)
    if not said or said == known.station.id:
        return None
    return Difference(
        DifferenceKind.IDENTITY,
        f"It calls itself {said[:60]!r}, and it connects as {known.station.id!r}.",
        "Compare both with the label on the station before anything is changed: two stations may be mixed up.",
    )


def _serial(known: Known) -> Difference | None:
    said, registered = known.boot_serial, known.station.serial
    # The field ends at 25 characters; a longer serial number comes cut off (reference §8.2.9).
    if not said or said == registered or (len(said) == 25 and registered.startswith(said)):
        return None
    return Difference(
        DifferenceKind.SERIAL,
        f"It says that its serial number is {said[:60]!r}, and {registered!r} is registered.",
        "Register it with its own serial number before it gets a certificate: the number goes into it as CN.",
    )


def _chain(known: Known) -> Difference | None:
    longest = _number(known.says(Subject.LONGEST_CHAIN))
    needed = known.chain_length
    if longest is None or (needed or ADVISED_CHAIN) <= longest:
        return None
    if needed:
        sentence = f"It takes chains of {longest} characters, and the chain of its certificate has {needed}."
    else:
        sentence = f"It takes chains of {longest} characters; OCPP advises {ADVISED_CHAIN}."
    return Difference(
        DifferenceKind.CHAIN,
        sentence,
        f"Use an EC key: its chains are the shortest. They are shown by: voltward station chain {known.station.id}",
    )


def _roots(known: Known) -> Difference | None:
    if known.room_for_roots is None or known.room_for_roots >= ROOTS_FOR_A_ROLL_OVER:
        return None
    return Difference(
        DifferenceKind.ROOTS,
        f"It has room for {'one root certificate' if known.room_for_roots else 'no root certificate'} only: "
        "a root cannot be replaced without a gap.",
        "Choose a cross-certified chain for it before a root is rolled over: "
        f"voltward station chain {known.station.id} --root NAME",
    )


def _transfer(known: Known) -> Difference | None:
    said = known.says(Subject.TRANSFER)
    protocols = {part.strip().upper() for part in said.split(",")} if said else set()
    if not protocols or protocols & {"HTTP", "HTTPS"}:
        return None
    return Difference(
        DifferenceKind.TRANSFER,
        f"It fetches files by {', '.join(sorted(protocols))[:60]} only; firmware and logs travel by HTTPS here.",
        "Put the signed firmware on a server that it can reach; the signature protects the file.",
    )


def _clock(known: Known) -> Difference | None:
    offset = known.clock_offset
    if offset is None or abs(offset) <= known.tolerance:
        return None
    return Difference(
        DifferenceKind.CLOCK,
        f"Its clock is {in_words(offset)}: it may take good certificates for expired or not yet valid.",
        "Give it a time server (NTP), or have its installer set the clock, before it is walked to profile 2 or 3.",
    )


def _cipher(known: Known) -> Difference | None:
    # The TLS 1.2 suites without ECDHE, as OpenSSL spells them; every suite of TLS 1.3 has forward secrecy.
    if not known.cipher or known.cipher.startswith(("ECDHE-", "DHE-", "TLS_")):
        return None
    return Difference(
        DifferenceKind.CIPHER,
        f"Its TLS suite {known.cipher} has no forward secrecy: who gets the server's key reads what was recorded.",
        "OCPP allows it. Ask its maker for an ECDHE suite before the hardened TLS policy is switched on.",
    )


def _downgrade(known: Known) -> Difference | None:
    allowed = known.says(Subject.DOWNGRADE)
    if known.station.floor is not SecurityProfile.MUTUAL_TLS or (allowed or "").strip().lower() != "true":
        return None
    return Difference(
        DifferenceKind.DOWNGRADE,
        "It lets itself be lowered from profile 3 to 2 (AllowSecurityProfileDowngrade is true).",
        "Set SecurityCtrlr.AllowSecurityProfileDowngrade to false once the fleet has settled on profile 3.",
    )


def _old_slot(known: Known) -> Difference | None:
    """After a walk the station removes slots with a lower profile (2.x A05.FR.06)."""
    floor = int(known.station.floor)
    order = slots_in(known.says(Subject.PRIORITY) or "")
    low = [slot for slot in order if (at := _number((known.slots or {}).get(slot))) is not None and at < floor]
    if not low or known.is_changing:
        return None
    return Difference(
        DifferenceKind.OLD_SLOT,
        f"Its connection slot {low[0]} is still on a profile below {floor}; a connection from it is refused.",
        "Nothing is lost meanwhile. Take the slot out of NetworkConfigurationPriority when the station is at rest.",
    )


def _number(said: str | None) -> int | None:
    text = (said or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_CHECKS: Sequence[Callable[[Known], Difference | None]] = (
    _reveals, _serial, _identity, _profile_configured, _profile_wanted, _no_extension, _clock, _old_slot, _operator,
    _chain, _roots, _transfer, _cipher, _downgrade,
)  # fmt: skip
