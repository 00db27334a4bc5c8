"""What may be odd about a station, as values."""

import dataclasses

import pytest

from csms_bridge.quirks.quirks import (
    DEFAULTS,
    MEANINGS,
    USUAL,
    Asks,
    Chain,
    Protocol,
    Quirks,
    check_value,
    read_spelt,
    spell,
)
from pki.keys import SignatureScheme

ODD = Quirks(
    chain=Chain.ROOT,
    slots=(3, 7),
    asks=Asks.BY_ITSELF,
    url_key="ConnexionUrl",
    longest_chain=4000,
    firmware_schemes=(SignatureScheme.RSA_PKCS1V15_SHA256,),
    firmware_from=(Protocol.SFTP,),
)


def test_without_a_row_nothing_is_odd():
    assert USUAL.odd() == {}
    assert {key: getattr(USUAL, key) for key in DEFAULTS} == dict(DEFAULTS)


def test_quirks_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        USUAL.chain = Chain.ROOT


@pytest.mark.parametrize("quirks", [USUAL, ODD])
def test_what_is_odd_comes_back_from_its_text(quirks):
    assert read_spelt(spell(quirks.odd())) == quirks


def test_a_stored_key_that_is_not_known_any_more_stops_no_walk():
    assert read_spelt('{"chain":"root","long_gone":true}') == Quirks(chain=Chain.ROOT)


def test_a_walk_from_before_the_book_is_as_usual():
    assert read_spelt("") == USUAL


@pytest.mark.parametrize("key", list(DEFAULTS))
def test_each_key_says_what_it_means_and_takes_its_default(key):
    assert MEANINGS[key]
    assert check_value(key, DEFAULTS[key]) == DEFAULTS[key]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("chian", "root", "no such key; known are .*chain"),
        ("chain", "all", "'leaf', 'sub' or 'root'"),
        ("chain", ["root"], "'leaf', 'sub' or 'root'"),
        ("leaf_last", 1, "boolean"),
        ("leaf_last", "yes", "boolean"),
        ("password_bytes", 8, "16"),
        ("password_bytes", True, "integer"),
        ("longest_chain", 20_000, "10000"),
        ("slots", [1, "two"], "integer"),
        ("slots", list(range(50)), "20"),
        ("url_key", "K" * 51, "50"),
        ("url_value", "wss://elsewhere", "must hold {url}"),
        ("url_value", "{url}/{serial}", "only {url} and {id}"),
        ("url_value", "{url.__class__}", "only {url} and {id}"),
        ("url_value", "{url:>99999}", "only {url} and {id}"),
        ("url_value", "{url}/{", "write it like"),
        ("walks_to", 4, "3"),
        ("firmware_schemes", ["rsa"], "'rsa-pss-sha256'"),
        ("firmware_schemes", [], "at least 1"),
        ("firmware_schemes", ["ecdsa-sha256", "ecdsa-sha256"], "each once"),
        ("firmware_from", ["gopher"], "'sftp'"),
        ("longest_signature", 801, "800"),
        ("longest_signing_certificate", 5_501, "5500"),
        ("firmware_retries", "no", "boolean"),
    ],
)
def test_refuses_a_wrong_value_in_words(key, value, words):
    with pytest.raises(ValueError, match=words):
        check_value(key, value)
