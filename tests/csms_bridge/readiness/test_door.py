"""One station is judged by what is known at this moment; reading asks for it, and changes nothing."""

import pytest

from csms_bridge.acts import FleetAct
from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.orders import Ending
from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.readiness.book import Wanted
from csms_bridge.readiness.codes import Verdict
from csms_bridge.readiness.probe import ProbeState
from csms_bridge.station import SecurityProfile
from csms_bridge.station_certificates import CertificateKind
from tests.csms_bridge.room import NOON

BASIC = SecurityProfile.BASIC


def test_an_unknown_station_is_an_error(ready):
    for ask in (ready.readiness.of, lambda station: ready.readiness.ask(station, "user:anna")):
        with pytest.raises(UnknownStation):
            ask("CS-9")


def test_no_walk_leads_to_profile_1(ready):
    with pytest.raises(StationRefused, match="profile 2 or 3"):
        ready.readiness.of(ready.met(), BASIC)


def test_without_a_goal_it_is_profile_3(ready):
    assert ready.readiness.of(ready.met()).assessment.goal is SecurityProfile.MUTUAL_TLS


def test_looking_writes_nothing(ready):
    ready.met()
    before = ready.room.acts()
    ready.readiness.of("CS-1")
    assert ready.room.acts() == before
    assert ready.readiness.of("CS-1").probe.settings.state is ProbeState.NEVER


def test_reading_asks_for_the_settings_and_the_roots(ready):
    """The settings by the reader's own messages, the roots by one order: GetInstalledCertificateIds."""
    probe = ready.readiness.ask(ready.met(), "user:anna").probe
    assert (probe.settings.state, probe.roots.state) == (ProbeState.WAITING, ProbeState.ASKED)
    assert probe.is_open
    assert [order.action for order in ready.room.orders.claim({"CS-1"})] == ["GetInstalledCertificateIds"]
    asked = [record for record in ready.room.records() if record.by == "user:anna"]
    assert FleetAct.SETTINGS_ASKED in {record.act for record in asked}


def test_asking_twice_sends_one_question(ready):
    ready.met()
    ready.readiness.ask("CS-1", "user:anna")
    ready.readiness.ask("CS-1", "user:anna")
    assert len(ready.room.orders.claim({"CS-1"})) == 1


def test_a_station_that_is_away_is_asked_when_it_is_back(ready):
    ready.room.add(version=None)
    assert ready.readiness.ask("CS-1", "user:anna").probe.roots.state is ProbeState.NEVER  # no version, no message
    ready.met("CS-2")
    ready.room.sightings.disconnected("CS-2", ready.room.clock())
    assert ready.readiness.ask("CS-2", "user:anna").probe.roots.state is ProbeState.WAITING


@pytest.mark.both_databases
def test_an_answer_ends_the_question(ready):
    ready.readiness.ask(ready.met(), "user:anna")
    (order,) = ready.room.orders.claim({"CS-1"})
    ready.room.orders.finish(order, {"status": "NotFound"}, "", Ending.ANSWERED)
    assert ready.readiness.of("CS-1").probe.roots.state is ProbeState.DONE
    assert "roots-never-listed" not in ready.codes()


def test_a_list_that_others_asked_for_is_one_too(ready):
    ready.room.roots.list_now(ready.met(), (CertificateKind.CSMS,), "service")
    assert ready.readiness.of("CS-1").probe.roots.state is ProbeState.ASKED


def test_what_is_told_to_be_read_is_among_the_facts(ready, monkeypatch):
    """An answer may come while it is looked: whoever is told that it is there is told what it says."""
    ready.met()
    probing = ready.readiness._probing

    class AnsweredJustNow:
        def of(self, station):
            ready.book.begin(station, Due(NOON, Why.ASKED, whole=True))
            ready.book.end(station, Result(Outcome.WHOLE, extension=False))
            return probing.of(station)

    monkeypatch.setattr(ready.readiness, "_probing", AnsweredJustNow())
    found = ready.readiness.of("CS-1")
    assert found.probe.settings.state is ProbeState.DONE
    assert "no-security-extension" in found.assessment.codes


@pytest.mark.both_databases
def test_the_stored_verdict_is_the_one_that_is_shown(ready):
    ready.met()
    ready.readiness.assess_again(["CS-1"])
    (listed,) = ready.readiness.every(Wanted())
    shown = ready.readiness.of("CS-1").assessment
    assert (listed.verdict, listed.score, set(listed.reasons)) == (shown.verdict, shown.score, set(shown.codes))
    assert listed.verdict is Verdict.UNSURE
