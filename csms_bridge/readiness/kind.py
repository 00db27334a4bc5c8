"""What is known of stations of its kind: the quirk book, what others showed, and its firmware. Pure."""

from collections.abc import Iterator

from csms_bridge.quirks.quirks import Asks, RestartRule, Roots
from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.path import planned
from csms_bridge.readiness.reason import Case, Reason, blocks, note, risk, unknown

_NAMED_ELSEWHERE = frozenset({"asks", "restart", "roots", "walks_to"})


def a_walk_exists(case: Case) -> Iterator[Reason]:
    """The tables of docs/walks.md, and what the quirk book leaves of them."""
    station, book = case.station, case.quirks
    if station.ocpp_version is None:
        yield blocks(
            Code.VERSION_UNKNOWN, "Its OCPP version is not known, and each version has a walk of its own.",
            "docs/walks.md", "Let it connect once, or register it with --ocpp.",
        )  # fmt: skip
        return
    if case.goal > book.walks_to:
        yield blocks(
            Code.MODEL, f"By the quirk book such a station cannot be walked above profile {book.walks_to}.",
            case.by_the_book("walks_to"),
            "Ask its maker for a firmware that can; a row of your own for that version then says otherwise.",
        )  # fmt: skip
        return
    try:
        planned(station.ocpp_version, case.start, case.goal, book)
    except ValueError as none:
        yield blocks(Code.NO_WALK, f"There is no such walk: {none}.", "docs/walks.md", _around(case))


def identity_of_kind(case: Case) -> Iterator[Reason]:
    """The quirk book is asked by what the station says when it boots."""
    station = case.station
    if not station.vendor and not station.model:
        yield unknown(
            Code.KIND_UNKNOWN, 10, "It has not said who made it: whether it is odd cannot be looked up.",
            "BootNotification", "Wait for its next BootNotification, or have it send one.",
        )  # fmt: skip
    if case.facts.firmware_revoked:
        yield risk(
            Code.FIRMWARE_REVOKED, 20, f"The release {station.firmware!r} that it says it runs was revoked here.",
            "docs/firmware.md", "Bring a good firmware onto it first.",
        )  # fmt: skip


def learned(case: Case) -> Iterator[Reason]:
    """What walks of other stations of its kind taught, and nobody has decided on."""
    open_ones = [one for one in case.facts.lessons if getattr(case.quirks, one.key, one.value) != one.value]
    if open_ones:
        told = ", ".join(f"{one.key} = {one.value} ({one.times}×)" for one in open_ones[:3])
        yield unknown(
            Code.LEARNED, 10, f"Walks of stations of its kind taught this, and nobody has decided on it: {told}.",
            "docs/quirks.md", "See voltward quirk lessons, then accept or dismiss it.",
        )  # fmt: skip


def oddities(case: Case) -> Iterator[Reason]:
    """What the book changes of the path, those first that cost an operator something."""
    quirks = case.quirks
    if case.needs_certificate and quirks.asks is Asks.BY_ITSELF:
        yield risk(
            Code.ASKS_BY_ITSELF, 10, "It asks for a certificate when it finds the time right: the walk waits for that, "
            "up to a week.", case.by_the_book("asks"), "Nothing: give its campaign the time.",
        )  # fmt: skip
    if quirks.roots is Roots.RSA:
        yield note(
            Code.RSA_ONLY, 0, "Its TLS can do RSA only: it gets our RSA root, and meets our RSA certificate.",
            case.by_the_book("roots"),
        )  # fmt: skip
    if (case.is_16 and quirks.restart is RestartRule.ALWAYS) or (not case.is_16 and case.station.ocpp_version):
        source = case.by_the_book("restart") if case.is_16 else "2.x B09.FR.05, B10"
        yield note(Code.NEEDS_RESET, 0, "It has to be restarted for every new profile.", source)
    others = sorted(quirks.odd().keys() - _NAMED_ELSEWHERE)
    if others:
        yield note(
            Code.QUIRKS, 0, f"The quirk book changes its path: {', '.join(others)}.", case.by_the_book(others[0]),
            "The path shows what is different.",
        )  # fmt: skip


def _around(case: Case) -> str:
    if case.start == 0:
        return "Have its maker or installer set profile 1 and a password at the station."
    return "Do at the station itself what cannot be walked; the rest is walked from there."


CHECKS = (a_walk_exists, identity_of_kind, learned, oddities)
