"""Which way back may be opened, and what that means, in words. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta

from csms_bridge.errors import RecoveryNotNow, StationRefused
from csms_bridge.recovery.words import LONGEST, SHORTEST, Ask, Loss, Proof
from csms_bridge.station import SERIAL_NUMBER, SecurityProfile
from pki.revocation import RevocationReason

_TOP = SecurityProfile.MUTUAL_TLS


@dataclass(frozen=True, slots=True)
class Facts:
    """What is on record of the station. `is_connected`: on a line that it was let in on for good.

    `taken`: the new serial number is another station's. `good`: how many of its certificates are neither revoked nor
    expired.
    """

    serial: str
    floor: SecurityProfile
    is_connected: bool
    had_certificate: bool
    taken: bool = False
    good: int = 0
    is_walking: bool = False
    makers: frozenset[str] = field(default_factory=frozenset)


def check(ask: Ask, facts: Facts) -> None:
    """Raise StationRefused for what cannot be right, RecoveryNotNow for a station that has lost nothing."""
    if not SHORTEST <= ask.life <= LONGEST:
        raise StationRefused("valid_for", "a way back is open for 5 minutes to 30 days")
    if not ask.reason.strip():
        raise StationRefused("reason", "say why; it stands in the audit trail")
    _check_proof(ask, facts)
    _check_serial(ask, facts)
    _check_walk(ask, facts)
    if ask.loss is not Loss.EXPIRED and facts.is_connected:
        raise RecoveryNotNow(
            f"station {ask.station!r} is connected and has proved itself: nothing is lost",
            "Whoever says otherwise may not be who they say. If the line is a copy's, revoke the certificate first.",
        )


def _check_proof(ask: Ask, facts: Facts) -> None:
    proof = ask.by_proof
    if (ask.loss is Loss.EXPIRED) is not (proof is Proof.CERTIFICATE):
        words = "a certificate that ran out is shown by itself" if ask.loss is Loss.EXPIRED else "it has none to show"
        raise StationRefused("proof", f"{words}: the loss {ask.loss} is not recovered by {proof}")
    if ask.loss is Loss.EXPIRED and not facts.had_certificate:
        raise StationRefused("id", f"station {ask.station!r} never had a certificate of ours: there is none to renew")
    if ask.loss in (Loss.LOST, Loss.REVOKED) and facts.floor < _TOP:
        raise StationRefused("loss", f"it may come on profile {facts.floor:d}, by its password: it needs no other way")
    if (proof is Proof.MAKER) is not bool(ask.maker):
        raise StationRefused("maker", "name the maker when its certificate is to count, and only then")
    if ask.maker and ask.maker.casefold() not in {one.casefold() for one in facts.makers}:
        raise StationRefused("maker", f"there is no anchor of {ask.maker!r}: add its root with voltward anchor add")
    if ask.loss is Loss.RESET and proof is Proof.PASSWORD and facts.floor is SecurityProfile.NONE:
        raise StationRefused("loss", "it may come on profile 0, which asks for no proof: it needs no other way")


def _check_serial(ask: Ask, facts: Facts) -> None:
    if (ask.loss is Loss.SWAPPED) is not bool(ask.new_serial):
        raise StationRefused(
            "new_serial", "name the new board's serial number when the board was swapped, and only then"
        )
    if not ask.new_serial:
        return
    if not SERIAL_NUMBER.fullmatch(ask.new_serial) or ask.new_serial != ask.new_serial.strip():
        raise StationRefused("new_serial", "1 to 64 printable ASCII characters are allowed")
    if ask.new_serial == facts.serial:
        raise StationRefused("new_serial", "it is the old board's: then nothing was swapped")
    if facts.taken:
        raise StationRefused("new_serial", f"{ask.new_serial!r} is another station's")


def _check_walk(ask: Ask, facts: Facts) -> None:
    if ask.then_walk is None:
        return
    if ask.then_walk not in (2, 3):
        raise StationRefused("then_walk", "a station is walked up to profile 2 or 3")
    if ask.then_walk < facts.floor:
        raise StationRefused("then_walk", f"below profile {facts.floor:d} it is refused")


def walk_after(ask: Ask, floor: SecurityProfile) -> int | None:
    """The profile that the station is walked up to; None when it comes back where it is to be.

    A certificate leads to profile 3 by itself. Whoever may come on 3 alone has no way there from a password but a walk.
    """
    if ask.by_proof is not Proof.PASSWORD:
        return None
    if floor >= _TOP:
        return int(_TOP)
    return ask.then_walk if ask.then_walk is not None and ask.then_walk > floor else None


def says(ask: Ask, facts: Facts) -> tuple[str, ...]:
    """What opening it means: who is let in, to what, for how long, what is refused and revoked."""
    return tuple(line for line in (_who(ask, facts), _to_what(ask, facts), *_what_goes(ask, facts)) if line)


def _who(ask: Ask, facts: Facts) -> str:
    span = in_words(ask.life)
    serial = ask.new_serial or facts.serial
    match ask.by_proof:
        case Proof.CERTIFICATE:
            shown = f"its newest certificate for {serial}, although that has run out,"
        case Proof.MAKER:
            shown = f"a certificate of {ask.maker} for {serial}"
        case Proof.PASSWORD:
            transport = ", over TLS," if facts.floor >= SecurityProfile.TLS_BASIC else ""
            shown = f"the password that is made for this{transport}"
    return f"For {span}, whoever shows {shown} is let in as {ask.station}."


def _to_what(ask: Ask, facts: Facts) -> str:
    if ask.by_proof is not Proof.PASSWORD:
        return "It gets a new certificate and nothing else; seen with that, it is back, and the way is closed."
    if facts.floor >= _TOP:
        return "It gets a new certificate, is walked up to profile 3, and nothing else is answered until it is there."
    onward = walk_after(ask, facts.floor)
    walked = f", and is walked up to profile {onward}" if onward is not None else ""
    return f"It comes back on profile {facts.floor:d} or above{walked}; the password is then its own."


def _what_goes(ask: Ask, facts: Facts) -> list[str]:
    lines = []
    if ask.new_serial:
        number = f"The serial number becomes {ask.new_serial}"
        lines.append(f"{number}; whatever states {facts.serial} is refused from then on.")
    if (reason := revokes_as(ask.loss)) is not None:
        meanwhile = "for good" if ask.loss is Loss.SWAPPED else "meanwhile"
        lines += [
            _revoking(facts.good, reason),
            f"Its old passwords are refused {meanwhile}, and its one-time codes for good.",
        ]
        lines += ["Its walk is given up."] if facts.is_walking else []
    if ask.loss.is_a_new_start:
        lines.append("What is known of its settings and roots is forgotten: it is not so any more.")
    return lines


def _revoking(good: int, reason: RevocationReason) -> str:
    if not good:
        return "It has no certificate any more that could be revoked."
    many = "1 certificate is" if good == 1 else f"{good} certificates are"
    return f"{many} revoked at once, for good ({reason})."


def in_words(life: timedelta) -> str:
    """`2 days`, `90 minutes`: in the largest unit that fits."""
    seconds = int(life.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds} seconds"


def revokes_as(loss: Loss) -> RevocationReason | None:
    """Why certificates that are still good are revoked when the way back is opened; None: they are not."""
    if loss is Loss.EXPIRED:
        return None
    return RevocationReason.KEY_COMPROMISE if loss is Loss.LOST else RevocationReason.SUPERSEDED
