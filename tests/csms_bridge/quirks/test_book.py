"""Several rows may be about one station: for each key the narrowest has the word, the operator's before a shipped."""

import pytest

from csms_bridge.errors import QuirkRefused
from csms_bridge.quirks.book import QuirkBook, shipped_rows
from csms_bridge.quirks.quirks import USUAL, Chain
from csms_bridge.quirks.reading import read_row
from csms_bridge.quirks.rows import Origin

OPEN_OCPP = ("Open OCPP", "Open OCPP CP", "0.1")


def row(name="mine", *, quirks=None, **more):
    return read_row({"name": name, "quirks": quirks or {"chain": "root"}, **more}, Origin.OPERATOR)


def test_a_station_of_no_row_is_as_usual():
    assert QuirkBook().of("Nobody", "Knows", "1.0") == USUAL
    assert QuirkBook().of("", "", "") == USUAL


@pytest.mark.parametrize("vendor", ["Open OCPP", " open ocpp ", "OPEN OCPP GmbH"])
def test_names_are_compared_without_case_and_outer_blanks(vendor):
    assert QuirkBook().of(vendor, "any", "").url_key == "ConnexionUrl"


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"model": "Box 20"}, {"model": "Box*"}),
        ({"model": "Box 2*"}, {"model": "Box*"}),
        ({"model": "Box*"}, {"vendor": "Acme"}),
        ({"vendor": "Acme", "firmware": "1.5"}, {"vendor": "Acme", "firmware": ">=1"}),
        ({"firmware": ">=1, <2"}, {"firmware": ">=1"}),
        ({"vendor": "Acme"}, {"vendor": "A*"}),
        ({"vendor": "A*"}, {}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_narrower_row_has_the_word_whatever_the_order(narrow, wide, turned):
    rows = [row("narrow", quirks={"chain": "root"}, **narrow), row("wide", quirks={"chain": "leaf"}, **wide)]
    assert QuirkBook(rows[::-1] if turned else rows).of("Acme", "Box 20", "1.5").chain is Chain.ROOT


def test_each_key_is_decided_by_itself():
    rows = [row("wide", quirks={"chain": "leaf", "leaf_last": True}, vendor="Acme"), row("narrow", model="Box")]
    found = QuirkBook(rows).explain("Acme", "Box", "1")
    assert (found.quirks.chain, found.quirks.leaf_last) == (Chain.ROOT, True)
    assert found.decided_by == {"chain": "narrow", "leaf_last": "wide"}
    assert [one.name for one in found.rows] == ["narrow", "wide"]


def test_the_operator_has_the_word_over_a_narrower_shipped_row():
    found = QuirkBook([row("everybody", quirks={"chain": "sub"})]).explain(*OPEN_OCPP)
    assert (found.quirks.chain, found.decided_by["chain"]) == (Chain.SUB, "everybody")
    assert (found.quirks.url_key, found.decided_by["url_key"]) == ("ConnexionUrl", "open-ocpp")


def test_of_two_as_narrow_the_later_one_has_the_word():
    rows = [row("first", quirks={"chain": "leaf"}, vendor="Acme"), row("second", vendor="Acme")]
    assert QuirkBook(rows).of("Acme", "Box", "1").chain is Chain.ROOT


def test_a_row_may_be_like_a_shipped_one_and_say_more():
    mine = read_row(
        {"name": "boxes", "vendor": "Acme", "like": "everest", "quirks": {"slots": [0, 1]}}, Origin.OPERATOR
    )
    found = QuirkBook([mine]).of("Acme", "Box", "1")
    assert (found.works_while_pending, found.needs_country, found.slots) == (False, True, (0, 1))


@pytest.mark.parametrize("name", ["nothing-here", "boxes"])
def test_a_row_is_like_no_row_that_is_not_shipped(name):
    with pytest.raises(QuirkRefused, match="no shipped row"):
        QuirkBook([read_row({"name": "boxes", "like": name}, Origin.OPERATOR)])


def test_a_row_by_name_only_is_about_no_station():
    by_name = [one for one in shipped_rows() if one.only_by_name]
    assert by_name
    assert not any(one.covers(one.vendor, one.model, "1.0") for one in by_name)


def test_every_shipped_row_says_where_it_is_known_from():
    assert all(one.source and one.origin is Origin.SHIPPED for one in shipped_rows())


def test_what_was_merely_told_keeps_no_station_from_trying():
    """A restriction by hearsay would stop walks that work: an operator asks for it by name."""
    told = [one for one in shipped_rows() if one.confidence in ("told", "guessed")]
    assert told
    assert all(one.only_by_name for one in told)
