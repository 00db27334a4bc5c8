"""One name and one severity for each security event, however a station spells it (reference §3.8)."""

from datetime import timedelta

import pytest

from csms_bridge.event_severity import EventSeverity
from csms_bridge.security_vocabulary import ALARMING, COMPLAINTS, SEVERITY, ClockFit, canonical, clock_fit, severity_of
from pki.alarms import Severity
from tests.csms_bridge.room import NOON


@pytest.mark.parametrize("name", SEVERITY)
def test_a_name_of_2x_is_itself(name):
    assert canonical(name) == name


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("FailedToAuthenticationAtCentralSystem", "FailedToAuthenticationAtCsms"),
        ("CentralSystemFailedToAuthentication", "CsmsFailedToAuthentication"),
        ("InvalidCentralSystemCertificate", "InvalidCsmsCertificate"),
        ("InvalidChargePointCertificate", "InvalidChargingStationCertificate"),
        # The white paper before its second edition.
        ("FailedToAuthenticationAtCentral System", "FailedToAuthenticationAtCsms"),
        ("Central SystemFailedToAuthentication", "CsmsFailedToAuthentication"),
        (" Tamper DetectionActivated\n", "TamperDetectionActivated"),
        ("invalidTlsVersion", "InvalidTLSVersion"),
        ("InvalidFirmwareSigning", "InvalidFirmwareSignature"),
    ],
)
def test_other_spellings_get_the_name_of_2x(told, name):
    assert canonical(told) == name


def test_a_name_that_is_not_listed_stays_as_it_was_told():
    """A04: the list is open."""
    assert canonical("Vendor Thing X") == "Vendor Thing X"
    assert severity_of("Vendor Thing X") is EventSeverity.UNKNOWN


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("StartupOfTheDevice", EventSeverity.CRITICAL),
        ("InvalidFirmwareSignature", EventSeverity.CRITICAL),
        ("MaintenanceLoginFailed", EventSeverity.CRITICAL),
        ("AttemptedReplayAttacks", EventSeverity.NOTICE),
        ("ReconfigurationOfSecurityParameters", EventSeverity.INFO),
    ],
)
def test_what_stations_must_push_is_critical(name, severity):
    assert severity_of(name) is severity


def test_alarms_and_complaints_are_of_listed_events():
    assert set(ALARMING) <= set(SEVERITY)
    assert set(COMPLAINTS) <= set(ALARMING)
    assert ALARMING["TamperDetectionActivated"] is Severity.CRITICAL


@pytest.mark.parametrize("usual", ["StartupOfTheDevice", "ResetOrReboot", "FirmwareUpdated", "SettingSystemTime"])
def test_what_is_told_when_all_goes_well_is_no_alarm(usual):
    assert usual not in ALARMING


@pytest.mark.parametrize(
    ("told", "fit"),
    [
        (NOON, ClockFit.FITS),
        (NOON - timedelta(days=300), ClockFit.FITS),
        (NOON + timedelta(minutes=9), ClockFit.FITS),
        (NOON + timedelta(minutes=11), ClockFit.AHEAD),
        (NOON + timedelta(days=400), ClockFit.ABSURD),
        (NOON.replace(year=1970), ClockFit.ABSURD),
        (NOON.replace(year=9999), ClockFit.ABSURD),
        (None, ClockFit.UNREADABLE),
    ],
)
def test_tells_what_a_stations_time_is_worth(told, fit):
    assert clock_fit(told, NOON) is fit
