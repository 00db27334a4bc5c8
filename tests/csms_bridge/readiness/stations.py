"""Stations as facts: everything is known of them and nothing is odd, unless a test says otherwise."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from csms_bridge.posture.book import Outcome, ReadingState
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.differences import Known
from csms_bridge.posture.subjects import Subject
from csms_bridge.quirks.book import Explanation
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.quirks.rows import Confidence, Origin, QuirkRow
from csms_bridge.readiness.assessment import Assessment, assess
from csms_bridge.readiness.facts import Facts, Ours, Roots
from csms_bridge.station import OcppVersion, SecurityProfile, Station
from csms_bridge.station_roots.entries import ListingState
from pki.keys import KeyFamily
from tests.csms_bridge.room import NOON

YEAR = timedelta(days=365)
OURS = Ours(
    servers={KeyFamily.EC: frozenset({"root"}), KeyFamily.RSA: frozenset({"root-rsa"})},
    chains={KeyFamily.EC: 2200, KeyFamily.RSA: 4800},
    root_from=NOON - YEAR,
    root_until=NOON + 20 * YEAR,
)
READ = ReadingState(told_at=NOON, ended_at=NOON, outcome=Outcome.WHOLE, clock=ClockOffset(timedelta(), NOON))
STATION = Station(
    id="CS-1", serial="SN-1", ocpp_version=OcppVersion.V16, profile=SecurityProfile.BASIC,
    floor=SecurityProfile.BASIC, wanted_profile=SecurityProfile.BASIC, online=True, hold=None, charging=False,
    last_seen=NOON, connected_at=NOON, vendor="Acme", model="One", firmware="1.0", site="", tags=(), quiet=False,
    updated_at=NOON,
)  # fmt: skip
KNOWN = Known(
    station=STATION, organisation="Acme Charging", tolerance=timedelta(minutes=5), boot_serial="SN-1",
    configured={Subject.PROFILE: "1", Subject.LONGEST_CHAIN: "10000"}, room_for_roots=4, extension=True,
    clock_offset=timedelta(),
)  # fmt: skip
FACTS = Facts(
    known=KNOWN, reading=READ, ours=OURS, told=8,
    roots=Roots(listing=ListingState.LISTED, listed_at=NOON),
)  # fmt: skip
USUAL = Explanation((), Quirks(), {})


def station(facts: Facts = FACTS, **about: Any) -> Facts:
    """The same facts of a station that is different in this."""
    return replace(facts, known=replace(facts.known, station=replace(facts.known.station, **about)))


def known(facts: Facts = FACTS, **about: Any) -> Facts:
    """The same, with something else known of its settings; `configured` comes on top of what there is."""
    said = {**(facts.known.configured or {}), **about.pop("configured", {})}
    return replace(facts, known=replace(facts.known, configured=said, **about))


def modern(version: OcppVersion = OcppVersion.V201, **about: Any) -> Facts:
    """A 2.x station of which everything is known."""
    facts = station(ocpp_version=version)
    facts = known(facts, extension=None, configured={Subject.PRIORITY: "1", Subject.ROOM_FOR_ROOTS: "0"})
    return replace(facts, slots=(1, 2), tells_priority=True, longest_password=40, sets_password=True, **about)


def book(**quirks: Any) -> Explanation:
    """A quirk book with one row about it."""
    row = QuirkRow(name="acme", vendor="Acme", source="a test", confidence=Confidence.SEEN, origin=Origin.SHIPPED,
                   quirks=quirks)  # fmt: skip
    return Explanation((row,), Quirks(**quirks), dict.fromkeys(quirks, "acme"))


def judged(facts: Facts, odd: Explanation = USUAL, to: int = 3) -> Assessment:
    """What is found of it at noon."""
    return assess(facts, odd, SecurityProfile(to), NOON)
