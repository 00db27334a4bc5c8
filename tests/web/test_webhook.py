"""What is sent, and what the settings may say. That it arrives is tested in tests/end_to_end/test_webhook.py."""

import hashlib
import hmac
from pathlib import Path

import httpx
import pytest

from pki.clock import utc_now
from pki.secret_text import Secret
from web.alarm_links import console_path
from web.errors import SettingsWrong
from web.service import Service
from web.settings import read_settings
from web.webhook import Webhook, signature, webhook_of

SECRET = "sixteen letters or more"
BASE = {"VOLTWARD_ORGANISATION": "Example"}
HERE = {"VOLTWARD_WEBHOOK_URL": "https://alarms.example/voltward", "VOLTWARD_WEBHOOK_SECRET": SECRET}


def made(**more: str) -> Webhook | None:
    return webhook_of(read_settings(None, BASE | more).web, utc_now)


def test_nothing_is_sent_unless_an_address_is_set() -> None:
    assert made() is None
    assert made(VOLTWARD_WEBHOOK_URL="", VOLTWARD_WEBHOOK_SECRET="") is None


def test_the_secret_stands_in_a_file_or_in_the_settings_and_shows_itself_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    address = {"VOLTWARD_WEBHOOK_URL": HERE["VOLTWARD_WEBHOOK_URL"]}
    from_file, from_settings = made(**address, VOLTWARD_WEBHOOK_SECRET_FILE=str(file)), made(**HERE)
    assert from_file is not None
    assert from_settings is not None
    assert from_file.secret.text() == from_settings.secret.text() == SECRET
    assert SECRET not in repr(from_file)
    assert SECRET not in repr(read_settings(None, BASE | HERE))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"VOLTWARD_WEBHOOK_URL": "ftp://alarms.example"}, "VOLTWARD_WEBHOOK_URL"),
        ({"VOLTWARD_WEBHOOK_URL": "https://user:password@alarms.example"}, "without a name or password"),
        ({"VOLTWARD_WEBHOOK_URL": "https://alarms.example:0/"}, "must look like"),
        ({"VOLTWARD_WEBHOOK_URL": "https://alarms.example:99999/"}, "must look like"),
        ({"VOLTWARD_WEBHOOK_URL": "https://alarms.example/a b"}, "must look like"),
        ({"VOLTWARD_WEBHOOK_URL": "alarms.example"}, "must look like"),
        ({"VOLTWARD_WEBHOOK_SECRET": ""}, "webhook_url needs webhook_secret"),
        ({"VOLTWARD_WEBHOOK_SECRET": "short"}, "at least 16 characters"),
        ({"VOLTWARD_WEBHOOK_SECRET": "", "VOLTWARD_WEBHOOK_SECRET_FILE": "/nowhere/secret"}, "cannot read"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsWrong, match=words):
        made(**HERE | wrong)


def test_the_signature_is_hmac_over_moment_and_body() -> None:
    expected = hmac.new(SECRET.encode(), b'1764000000.{"a": 1}', hashlib.sha256).hexdigest()
    assert signature(Secret.of(SECRET), "1764000000", b'{"a": 1}') == f"v1={expected}"


def test_an_alarm_leads_to_its_page() -> None:
    assert console_path("certificates-ending", "2026-W50 14d") == "/certificates?week=2026-W50&in_use=true"
    assert console_path("authority-ending", "root (ab) 365d") == "/certificates/forecast"
    assert console_path("lint-finding", "ab12") == "/alarms"


async def test_a_test_without_a_webhook_says_so(api: httpx.AsyncClient, service: Service) -> None:
    assert service.webhook is None
    answer = await api.post("/api/v1/alarms/test")
    assert (answer.status_code, answer.json()["detail"]) == (409, "no webhook is set")
    assert "VOLTWARD_WEBHOOK_URL" in answer.json()["hint"]
