"""The authority's settings check relations as well as fields."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pki.settings import PkiSettings


def test_the_defaults_are_consistent() -> None:
    settings = PkiSettings(organisation="Acme")
    assert settings.server_validity < timedelta(hours=24)  # A00.FR.701
    assert settings.public_url == "http://127.0.0.1:8080"


def test_names_and_addresses_are_normalised() -> None:
    settings = PkiSettings(
        organisation="Acme", hostnames=("CSMS.Example", "csms.example", "::1"), public_url="https://x/base/"
    )
    assert settings.hostnames == ("csms.example", "::1")
    assert settings.public_url == "https://x/base"


@pytest.mark.parametrize(
    "wrong",
    [
        {"organisation": ""},
        {"organisation": "x" * 65},
        {"organisation": " Acme"},
        {"organisation": "Ac\nme"},
        {"hostnames": ()},
        {"hostnames": ("*.example",)},  # many stations compare the name literally
        {"hostnames": ("under_score",)},
        {"hostnames": ("-x",)},
        {"hostnames": ("a" * 60 + ".example",)},  # longer than a CN
        {"public_url": "ftp://x"},
        {"public_url": "http://"},
        {"public_url": "http://x?y"},
        {"crl_validity": timedelta(hours=6)},  # a list must outlive its refresh
        {"station_validity": timedelta(days=400)},
        {"server_backdate": timedelta(hours=12)},
        {"issuing_validity": timedelta(days=30)},
        {"root_validity": timedelta(days=30)},
        {"crl_shards": 0},
        {"unheard_of": 1},
    ],
)
def test_refuses_what_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PkiSettings(**{"organisation": "Acme", **wrong})
