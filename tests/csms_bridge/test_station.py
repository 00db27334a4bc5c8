"""What may be said of a station when it is registered."""

import pytest

from csms_bridge.errors import StationRefused
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from pki.secret_text import Secret


@pytest.mark.parametrize("identity", ["C", "CS-1", "A*b_c=d:e+f|g@h.i j", "x" * 48, "..."])
def test_takes_identities_of_identifier_string_characters(identity):
    """OCPP 2.0.1 edition 3 Part 2 §2.1, identifierString, at most 48 of them."""
    assert NewStation(identity, "SN-1").id == identity


@pytest.mark.parametrize("identity", ["", "x" * 49, "CS/1", "CS\n1", "CS-1\n", "ÇS", "CS?1", "CS#1", ".", ".."])
def test_refuses_other_identities(identity):
    """`.` and `..` would be path segments, not names."""
    with pytest.raises(StationRefused) as refusal:
        NewStation(identity, "SN-1")
    assert refusal.value.field == "id"


@pytest.mark.parametrize("serial", ["1", "SN 1/2", "x" * 64])
def test_takes_serial_numbers_that_fit_a_common_name(serial):
    """RFC 5280 Appendix A, ub-common-name: 64."""
    assert NewStation("CS-1", serial).serial == serial


@pytest.mark.parametrize("serial", ["", "x" * 65, " SN-1", "SN-1 ", "SN\t1", "Sérial"])
def test_refuses_other_serial_numbers(serial):
    with pytest.raises(StationRefused) as refusal:
        NewStation("CS-1", serial)
    assert refusal.value.field == "serial"


@pytest.mark.parametrize("version", [None, OcppVersion.V16])
def test_profile_0_exists_in_1_6(version):
    assert NewStation("CS-1", "SN-1", version, SecurityProfile.NONE).profile is SecurityProfile.NONE


@pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
def test_refuses_profile_0_in_2_x(version):
    with pytest.raises(StationRefused) as refusal:
        NewStation("CS-1", "SN-1", version, SecurityProfile.NONE)
    assert refusal.value.field == "profile"


@pytest.mark.parametrize("length", [8, 64])
def test_takes_passwords_of_8_to_64_bytes(length):
    assert NewStation("CS-1", "SN-1", password=Secret(b"\xff" * length)).password is not None


@pytest.mark.parametrize("length", [0, 7, 65])
def test_refuses_shorter_and_longer_passwords_without_telling_them(length):
    secret = "s" * length
    with pytest.raises(StationRefused) as refusal:
        NewStation("CS-1", "SN-1", password=Secret.of(secret))
    assert refusal.value.field == "password"
    assert not secret or secret not in str(refusal.value)


def test_a_refusal_names_the_row_it_is_about():
    assert str(StationRefused("serial", "too long", row=3)) == "row 3: serial: too long"
    assert str(StationRefused("serial", "too long")) == "serial: too long"
