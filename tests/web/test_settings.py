from datetime import timedelta
from pathlib import Path

import pytest

from web.errors import SettingsWrong
from web.settings import read_settings


def write(folder: Path, text: str) -> Path:
    (folder / "voltward.toml").write_text(text)
    return folder


def test_defaults_are_the_contracts(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, 'organisation = "Acme"'), {})
    assert (settings.web.web_host, settings.web.web_port) == ("127.0.0.1", 8080)
    assert (settings.bridge.ocpp_port, settings.bridge.ocpp_tls_port) == (8887, 8888)
    assert settings.web.database_url == ""


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path, 'organisation = "Acme"\nweb_port = 9000\nocpp_port = 9001')
    settings = read_settings(folder, {"VOLTWARD_WEB_PORT": "9100"})
    assert settings.web.web_port == 9100
    assert settings.bridge.ocpp_port == 9001


def test_certificates_point_at_the_address_of_the_service(tmp_path: Path) -> None:
    folder = write(tmp_path, 'organisation = "Acme"\nhostnames = ["csms.example.org"]')
    assert read_settings(folder, {"VOLTWARD_WEB_PORT": "81"}).pki.public_url == "http://127.0.0.1:81"
    everywhere = read_settings(folder, {"VOLTWARD_WEB_HOST": "0.0.0.0"})  # noqa: S104 -- not bound
    assert everywhere.pki.public_url == "http://csms.example.org:8080"
    told = read_settings(folder, {"VOLTWARD_PUBLIC_URL": "https://pki.example.org/"})
    assert told.pki.public_url == "https://pki.example.org"


def test_a_port_may_be_off_and_lists_have_commas(tmp_path: Path) -> None:
    environment = {"VOLTWARD_OCPP_TLS_PORT": "off", "VOLTWARD_HOSTNAMES": "a.example, b.example"}
    settings = read_settings(write(tmp_path, 'organisation = "Acme"'), environment)
    assert settings.bridge.ocpp_tls_port is None
    assert settings.pki.hostnames == ("a.example", "b.example")


def test_durations_are_iso_8601(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, 'organisation = "Acme"\nstation_validity = "P30D"'), {})
    assert settings.pki.station_validity == timedelta(days=30)


def test_what_the_command_line_reads_itself_is_no_setting(tmp_path: Path) -> None:
    environment = {"VOLTWARD_URL": "http://x", "VOLTWARD_TOKEN": "vw_x", "VOLTWARD_DEBUG": "1"}
    assert read_settings(write(tmp_path, 'organisation = "Acme"'), environment)


@pytest.mark.parametrize(
    ("file", "environment", "name"),
    [
        ('organisation = "Acme"\nweb_prt = 1', {}, "web_prt in voltward.toml"),
        ('organisation = "Acme"', {"VOLTWARD_WEB_PRT": "1"}, "VOLTWARD_WEB_PRT"),
        ('organisation = "Acme"', {"VOLTWARD_DATA": "/srv"}, "VOLTWARD_DATA"),
        ('organisation = "Acme"', {"VOLTWARD_WEB_PORT": "many"}, "VOLTWARD_WEB_PORT"),
        ('organisation = "Acme"\nweb_port = 70000', {}, "web_port in voltward.toml"),
        ("", {}, "organisation in voltward.toml"),
        ('organisation = "Acme"\ncrl_refresh = "P9D"', {}, "values of pki"),
        ('organisation = "Acme"\nhostnames = ["*.example.org"]', {}, "hostnames in voltward.toml"),
    ],
)
def test_names_the_setting_that_is_wrong(tmp_path: Path, file: str, environment: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        read_settings(write(tmp_path, file), environment)
    assert wrong.value.sentence.startswith(f"setting {name}: ")


def test_suggests_the_setting_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        read_settings(write(tmp_path, 'organisation = "Acme"'), {"VOLTWARD_OCCP_PORT": "1"})
    assert wrong.value.hint == "Did you mean VOLTWARD_OCPP_PORT?"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="is not valid TOML"):
        read_settings(write(tmp_path, "organisation = "), {})
