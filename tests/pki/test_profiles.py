"""Profiles are values that say what OCPP asks for."""

from datetime import timedelta

from pki.keys import KeyFamily
from pki.profiles import ExtendedUse, KeyUse, profiles_of
from pki.settings import PkiSettings

PROFILES = profiles_of(PkiSettings(organisation="Acme"))


def test_stations_get_no_extended_use_and_a_chain_under_5600() -> None:
    """A00.FR.514; A02, MaxCertificateChainSize."""
    station = PROFILES["station"]
    assert station.extended_use == ()
    assert station.chain_limit is not None
    assert station.chain_limit < 5600
    assert station.key_use(KeyFamily.EC) == {KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT}
    assert station.key_use(KeyFamily.RSA) == {KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_ENCIPHERMENT}


def test_servers_live_less_than_a_day() -> None:
    """A00.FR.701."""
    server = PROFILES["server"]
    assert server.validity < timedelta(hours=24)
    assert server.extended_use == (ExtendedUse.SERVER_AUTH,)
    assert KeyUse.KEY_ENCIPHERMENT in server.key_use(KeyFamily.RSA)  # the static RSA suites
    assert KeyUse.KEY_ENCIPHERMENT not in server.key_use(KeyFamily.EC)


def test_only_authorities_sign_certificates() -> None:
    for profile in PROFILES.values():
        for family in KeyFamily:
            assert (KeyUse.KEY_CERT_SIGN in profile.key_use(family)) == profile.is_authority
    assert {profile.name for profile in PROFILES.values() if profile.is_authority} == {"root", "issuing", "cross"}


def test_firmware_signers_stand_directly_under_the_manufacturer_root() -> None:
    """L01: no intermediates."""
    assert PROFILES["firmware"].post == "manufacturer"


def test_only_certificates_for_other_peoples_keys_are_ordered() -> None:
    assert {profile.name for profile in PROFILES.values() if profile.may_be_ordered} == {"station", "server"}


def test_a_fingerprint_names_one_exact_profile() -> None:
    prints = {profile.fingerprint for profile in PROFILES.values()}
    assert len(prints) == len(PROFILES)
    longer = profiles_of(PkiSettings(organisation="Acme", station_validity=timedelta(days=91)))
    assert longer["station"].fingerprint != PROFILES["station"].fingerprint
    assert longer["server"].fingerprint == PROFILES["server"].fingerprint
