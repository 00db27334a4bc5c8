"""Firmware goes to stations of a kind in the form that they take, or not at all (L01; reference 5.1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms_bridge.commands import UpdateFirmware
from csms_bridge.quirks.book import QuirkBook
from csms_bridge.quirks.firmware import in_form, misfit
from csms_bridge.quirks.quirks import USUAL, Protocol, Quirks
from pki.keys import SignatureScheme
from pki.secret_text import Secret

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n"
UPDATE = UpdateFirmware(
    7, Secret(b"https://csms.example/f/1"), NOW, certificate=PEM, signature="s" * 96, retries=3, retry_interval=60
)
ECDSA, PKCS1, PSS = SignatureScheme


def test_the_usual_station_gets_the_request_as_it_is():
    assert in_form(UPDATE, USUAL) == UPDATE
    assert misfit(UPDATE, PSS, USUAL, NOW) == ""


def test_retries_are_left_out_where_they_are_refused():
    assert in_form(UPDATE, Quirks(firmware_retries=False)) == replace(UPDATE, retries=None, retry_interval=None)


def test_a_certificate_in_one_line_has_no_line_break_and_all_its_text():
    said = in_form(UPDATE, Quirks(signing_certificate_in_one_line=True)).certificate
    assert said == "-----BEGIN CERTIFICATE-----MIIBAAAA-----END CERTIFICATE-----"


def test_an_unsigned_request_has_no_certificate_to_change():
    plain = replace(UPDATE, certificate=None, signature=None)
    assert in_form(plain, Quirks(signing_certificate_in_one_line=True)) == plain
    assert misfit(plain, None, Quirks(firmware_schemes=(ECDSA,), longest_signature=90), NOW) == ""


@pytest.mark.parametrize(
    ("quirks", "words"),
    [
        ({"firmware_schemes": (ECDSA, PKCS1)}, "can check ecdsa-sha256, rsa-pkcs1v15-sha256"),
        ({"longest_signature": 95}, "96 characters, and such stations take 95"),
        ({"longest_signing_certificate": 50}, "such stations take 50"),
        ({"firmware_from": (Protocol.SFTP, Protocol.HTTP)}, "by sftp, http, and not by https"),
    ],
)
def test_what_such_stations_cannot_use_is_not_sent(quirks, words):
    assert words in misfit(UPDATE, PSS, Quirks(**quirks), NOW)


@pytest.mark.parametrize(
    "quirks",
    [
        {"firmware_schemes": (PSS,)},
        {"longest_signature": 96},
        {"longest_signing_certificate": len(PEM)},
        {"firmware_from": (Protocol.HTTPS,)},
        {"firmware_waits": False},
    ],
)
def test_what_just_fits_is_sent(quirks):
    assert misfit(UPDATE, PSS, Quirks(**quirks), NOW) == ""


@pytest.mark.parametrize("later", ["retrieve_at", "install_at"])
def test_a_station_that_cannot_wait_is_asked_when_it_is_time(later):
    update = replace(UPDATE, **{later: NOW + timedelta(seconds=1)})
    assert "when it is time" in misfit(update, PSS, Quirks(firmware_waits=False), NOW)
    assert misfit(update, PSS, Quirks(firmware_waits=False), NOW + timedelta(seconds=1)) == ""


@pytest.mark.parametrize("vendor", ["Open OCPP", "Pionix"])
def test_no_pss_signature_goes_to_stations_that_were_seen_to_refuse_it(vendor):
    """InvalidSignature (reference, station-quirks 10; 5.1)."""
    quirks = QuirkBook().of(vendor, "any", "")
    assert misfit(UPDATE, PSS, quirks, NOW)
    assert not misfit(UPDATE, PKCS1, quirks, NOW)
    assert quirks.firmware_schemes[0] is ECDSA
