"""What its settings say, and what they leave open. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from csms_bridge.passwords import LENGTH
from csms_bridge.posture.book import Outcome
from csms_bridge.posture.differences import in_words
from csms_bridge.posture.subjects import Subject
from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.reason import Case, Reason, blocks, note, risk, unknown
from csms_bridge.station import SecurityProfile

_EXTENSION = "white paper edition 3, sections 2 and 5.3"


def settings(case: Case) -> Iterator[Reason]:
    """Whether they are known at all."""
    reading = case.facts.reading
    if not case.was_read:
        tried = f" The last try failed: {reading.words}." if reading.outcome is Outcome.FAILED and reading.words else ""
        yield unknown(
            Code.NEVER_READ, 20, f"Its settings were never read: nothing that it says of itself is known.{tried}",
            "docs/posture.md", case.read_it,
        )  # fmt: skip
    elif case.facts.told == 0:
        yield _tells_nothing(case)
    elif not case.facts.read_as_it_is:
        yield unknown(
            Code.READ_BEFORE, 10, "Its settings were read when it had another firmware or spoke another version.",
            "docs/posture.md", case.read_it,
        )  # fmt: skip


def _tells_nothing(case: Case) -> Reason:
    words = case.facts.reading.words or "it told no setting"
    if case.is_16:
        return risk(
            Code.TELLS_NOTHING, 20, f"It tells nothing of its settings: {words}.", "1.6 §5.8 GetConfiguration",
            "Ask its maker how its profile is changed.",
        )  # fmt: skip
    return blocks(
        Code.TELLS_NO_SLOTS, f"It tells nothing of its settings ({words}), and without the order of its connection "
        "slots none can be chosen.", "2.x B06, B09.FR.06", "Ask its maker for a firmware that answers GetVariables.",
    )  # fmt: skip


def extension(case: Case) -> Iterator[Reason]:
    """1.6 has no flag for it: who knows one of its keys, or lists roots, has it."""
    if not case.is_16:
        return
    if case.facts.known.extension is False:
        yield blocks(
            Code.NO_EXTENSION, "It has no security extension: it knows neither security profiles nor certificates over "
            "OCPP.", _EXTENSION, "Ask its maker for a firmware that has it; until then keep its line in a network of "
            "its own.",
        )  # fmt: skip
    elif case.facts.known.extension is None and case.was_read:
        yield unknown(
            Code.EXTENSION_UNKNOWN, 20, "Whether it has the security extension could not be found out.", _EXTENSION,
            case.read_it,
        )  # fmt: skip


def slots(case: Case) -> Iterator[Reason]:
    """2.x: the slot in use is never written, so there have to be two (B09.FR.06)."""
    if case.is_16 or case.station.ocpp_version is None or not case.was_read or case.facts.told == 0:
        return
    known = case.quirks.slots or case.facts.slots
    if known is not None and len(known) < 2:
        yield blocks(
            Code.ONE_SLOT, "It has one connection slot only, which is in use: a new way in cannot be tried beside it.",
            "2.x B09.FR.06, B10", "Ask its maker for a second slot, or set its profile on site.",
        )  # fmt: skip
    if case.facts.tells_priority is False:
        yield risk(
            Code.NO_PRIORITY, 40, "It does not tell NetworkConfigurationPriority, which the walk reads and writes.",
            "2.x B09, B10", "Ask its maker; a walk ends on hold before anything is changed.",
        )  # fmt: skip
    if known is None:
        yield _no_slots(case)


def _no_slots(case: Case) -> Reason:
    report = case.facts.reading.report
    if report:
        return note(
            Code.NO_REPORT, 5, f"Which connection slots it has is not known ({report}): the walk takes 1 to 3 for "
            "there.", "2.x B07, B08", "If it has others, write them down: the key slots in a row of the quirk book.",
        )  # fmt: skip
    return unknown(
        Code.SLOTS_UNKNOWN, 5, "Which connection slots it has was never told: the walk asks, and else takes 1 to 3.",
        "2.x B08, B09.FR.06", case.read_it,
    )  # fmt: skip


def passwords(case: Case) -> Iterator[Reason]:
    """A01. A walk that brings a station to TLS changes its password."""
    if not case.sets_password:
        return
    length, longest = case.quirks.password_bytes or LENGTH, case.facts.longest_password
    if longest is not None and longest < length:
        yield blocks(
            Code.PASSWORD_LENGTH, f"It takes passwords of {longest} characters, and ours have {length}.",
            "2.x SecurityCtrlr.BasicAuthPassword (maxLimit), A01", "OCPP asks for 16 to 40: ask its maker. From 16 on "
            "the key password_bytes in a row of the quirk book makes ours shorter.",
        )  # fmt: skip
    if case.facts.sets_password is False:
        yield risk(
            Code.PASSWORD_FIXED, 40, "It says that its Basic password cannot be written.", "A01",
            "Ask its maker; a walk ends on hold when the password is refused.",
        )  # fmt: skip
    if case.start is SecurityProfile.NONE and case.is_16:
        yield note(
            Code.FIRST_PASSWORD, 0, "Its first password crosses the network in clear, and nothing proves who got it; "
            "it is changed again on profile 2.", "1.6 A00, profile 0", "",
        )  # fmt: skip


def clock(case: Case) -> Iterator[Reason]:
    """A certificate is good from one moment to another, by the clock of who looks (RFC 5280 §4.1.2.5)."""
    offset, known = case.facts.known.clock_offset, case.facts.known
    if offset is None:
        yield unknown(
            Code.CLOCK_UNKNOWN, 5, "How right its clock is was never heard.", "RFC 5280 §4.1.2.5", case.read_it
        )
        return
    at, ours = _by_its_clock(case.now, offset), case.facts.ours
    if not ours.root_from <= at <= ours.root_until:
        yield blocks(
            Code.CLOCK_IMPOSSIBLE, f"By its clock it is {at:%Y-%m-%d}, when our root certificate is not valid: it "
            "would take no connection of ours over TLS.", "RFC 5280 §4.1.2.5, §6.1", _SET_CLOCK,
        )  # fmt: skip
    elif abs(offset) > known.tolerance:
        weight = 40 if abs(offset) > timedelta(days=1) else 20
        yield risk(
            Code.CLOCK, weight, f"Its clock is {in_words(offset)}: it may take good certificates for expired or not "
            "yet valid.", "RFC 5280 §4.1.2.5", _SET_CLOCK,
        )  # fmt: skip


def _by_its_clock(now: datetime, offset: timedelta) -> datetime:
    """What time it is there; a clock may be at the end of all time."""
    try:
        return now + offset
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if offset > timedelta() else datetime.min.replace(tzinfo=UTC)


_SET_CLOCK = "Give it a time server (NTP), or have its installer set the clock."


def names(case: Case) -> Iterator[Reason]:
    """Who it says it is."""
    known, station = case.facts.known, case.station
    said = known.boot_serial
    # The field ends at 25 characters; a longer serial number comes cut off.
    if case.needs_certificate and said and said != station.serial and not (
        len(said) == 25 and station.serial.startswith(said)
    ):  # fmt: skip
        yield blocks(
            Code.SERIAL, f"It says that its serial number is {said[:60]!r}, and {station.serial!r} is registered: its "
            "certificate request would be refused.", "1.6 A00.FR.405, 2.x B01.FR.12",
            "Register it with its own serial number, once it is sure that it is this station.",
        )  # fmt: skip
    named = known.says(Subject.IDENTITY)
    if named and named != station.id:
        yield risk(
            Code.IDENTITY, 20, f"It calls itself {named[:60]!r}, and it connects as {station.id!r}.",
            "2.x SecurityCtrlr.Identity", "Compare both with the label on the station: two may be mixed up.",
        )  # fmt: skip


def transfer(case: Case) -> Iterator[Reason]:
    """No matter for the walk, but for what comes after it: signed firmware."""
    said = case.facts.known.says(Subject.TRANSFER)
    protocols = {part.strip().upper() for part in said.split(",")} if said else set()
    if protocols and not protocols & {"HTTP", "HTTPS"}:
        yield note(
            Code.TRANSFER, 0, f"It fetches files by {', '.join(sorted(protocols))[:60]} only: signed firmware cannot "
            "be fetched from here.", "1.6 SupportedFileTransferProtocols, 2.x FileTransferProtocols",
            "Put signed firmware on a server that it can reach.",
        )  # fmt: skip


CHECKS = (settings, extension, slots, passwords, clock, names, transfer)
