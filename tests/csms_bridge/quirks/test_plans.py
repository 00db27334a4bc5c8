"""What is odd about a kind of station changes its plan, and nothing else does."""

import pytest

from csms_bridge.commands import Outcome
from csms_bridge.errors import WalkRefused
from csms_bridge.quirks.book import shipped_rows
from csms_bridge.quirks.quirks import (
    USUAL,
    Asks,
    NewRoot,
    Quirks,
    RestartRule,
    Roots,
    read_spelt,
    spell,
)
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import WalkRow
from csms_bridge.walks.plans import plan
from csms_bridge.walks.rows import under_way_of
from csms_bridge.walks.steps import Do, Lost, Needed, Until
from tests.csms_bridge.walks.journey import PLANS

_, BASIC, TLS, MUTUAL = SecurityProfile
V16, V201, V21 = OcppVersion
INSTALLS = (Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT, Do.INSTALL_ISSUER_ROOT)
all_plans = pytest.mark.parametrize(("version", "start", "goal"), PLANS)


def doings(quirks, version=V16, start=BASIC, goal=MUTUAL):
    return [step.do for step in plan(version, start, goal, quirks).steps]


@all_plans
def test_a_station_that_is_not_odd_gets_the_usual_plan(version, start, goal):
    assert plan(version, start, goal, USUAL) == plan(version, start, goal)


def test_the_makers_key_for_the_address_is_written_after_the_roots_and_the_raise():
    """Written earlier, open-ocpp dials TLS on profile 1 and never comes back (docs/interop.md)."""
    dos = doings(Quirks(url_key="ConnexionUrl"))
    at = dos.index(Do.WRITE_URL)
    assert dos[at - 2 : at] == [Do.RAISE_PROFILE, Do.READ_URL]
    assert dos[at + 1 : at + 5] == [Do.RESTART, Do.HANG_UP, Do.INSTALL_ROOT, Do.WAIT]
    assert max(dos.index(do) for do in (Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT, Do.LIST_ROOTS)) < at
    assert dos.count(Do.WRITE_URL) == 1
    assert Do.WRITE_URL not in doings(Quirks(url_key="ConnexionUrl"), start=TLS)


@pytest.mark.parametrize(
    ("quirks", "installs"),
    [
        ({}, [*INSTALLS]),
        ({"roots": Roots.RSA}, [Do.INSTALL_ROOT, Do.INSTALL_ISSUER_ROOT]),
        ({"roots": Roots.EC}, [Do.INSTALL_ROOT, Do.INSTALL_ISSUER_ROOT]),
        ({"room_for_roots": 1}, [Do.INSTALL_ROOT]),
        ({"new_root": NewRoot.REPLACES}, [Do.INSTALL_ROOT]),
        ({"new_root": NewRoot.SIGNED_BY_OLD}, [Do.INSTALL_ROOT]),
        ({"roots_from_profile": 2}, [Do.INSTALL_ISSUER_ROOT]),
    ],
)
def test_roots_that_are_of_no_use_or_would_do_harm_are_not_sent(quirks, installs):
    assert [do for do in doings(Quirks(**quirks)) if do in INSTALLS] == installs


def test_a_root_installed_on_site_must_be_listed():
    """Nothing else shows that the station could come back."""
    steps = plan(V16, BASIC, TLS, Quirks(roots_from_profile=2)).steps
    assert steps[0].until is Until.ROOT_LISTED
    with pytest.raises(ValueError, match="nothing shows that it has ours"):
        plan(V16, BASIC, TLS, Quirks(roots_from_profile=2, lists_roots=False))


def test_where_no_root_is_listed_its_acceptance_must_have_been_heard():
    steps = plan(V16, BASIC, TLS, Quirks(lists_roots=False)).steps
    assert Do.LIST_ROOTS not in [step.do for step in steps]
    assert next(step for step in steps if step.do is Do.INSTALL_ROOT).lost is Lost.ASK_AGAIN


@pytest.mark.parametrize(
    ("rule", "needed"),
    [(RestartRule.ALWAYS, [Needed.ALWAYS]), (RestartRule.IF_STAYED, [Needed.IF_STILL_THERE]), (RestartRule.NEVER, [])],
)
def test_a_new_profile_is_followed_by_the_restart_that_such_stations_need(rule, needed):
    steps = plan(V16, TLS, MUTUAL, Quirks(restart=rule)).steps
    assert [step.needed for step in steps if step.do is Do.RESTART] == needed


def test_a_raise_that_was_lost_with_the_line_may_be_refused_the_second_time():
    """It is asked again, since it may have been lost; what came of it is seen when the station comes back."""
    raises = [step for step in plan(V16, BASIC, MUTUAL, Quirks(drops_first=True)).steps if step.do is Do.RAISE_PROFILE]
    assert {(step.lost, Outcome.REJECTED in step.tolerate) for step in raises} == {(Lost.ASK_AGAIN, True)}


@pytest.mark.parametrize(
    ("asks", "dos"),
    [(Asks.ON_TRIGGER, [Do.TRIGGER_CSR]), (Asks.BY_ITSELF, [Do.WAIT]), (Asks.AFTER_RESTART, [Do.RESTART, Do.WAIT])],
)
@pytest.mark.parametrize("version", OcppVersion)
def test_a_certificate_request_comes_as_such_stations_send_it(version, asks, dos):
    found = doings(Quirks(asks=asks), version, TLS)
    before = found.index(Do.NAME_OPERATOR)
    assert found[before + 1 : found.index(Do.INSTALL_ISSUER_ROOT)] == dos


@pytest.mark.parametrize("version", [V201, V21])
def test_slots_that_the_book_knows_are_not_asked_for(version):
    assert Do.LIST_SLOTS not in doings(Quirks(slots=(1, 2)), version)
    assert Do.LIST_SLOTS in doings(USUAL, version)


@pytest.mark.parametrize("highest", [1, 2])
def test_no_walk_leads_above_what_such_stations_can_do(highest):
    with pytest.raises(ValueError, match=f"cannot be walked above profile {highest}"):
        plan(V16, BASIC, MUTUAL, Quirks(walks_to=highest))


@pytest.mark.parametrize("row", [row for row in shipped_rows() if row.quirks], ids=lambda row: row.name)
def test_each_shipped_row_differs_from_the_usual(row):
    """A key that is what OCPP asks anyway says nothing."""
    assert Quirks(**row.quirks).odd().keys() == row.quirks.keys()


def test_a_walk_keeps_the_plan_that_it_began_with(room):
    """The book may change while a station walks; its steps may not."""
    room.add()
    room.connect()
    odd = Quirks(url_key="ConnexionUrl", lists_roots=False)
    facts = {"csms_root": "root", "csms_root_serial": "abc", "quirks": spell(odd.odd())}
    room.ledger.start("CS-1", 3, facts, "user:anna")
    with room.store.reading() as session:
        row = session.get(WalkRow, room.ledger.current("CS-1").id)
        under_way = under_way_of(row)
    assert under_way.walk == plan(V16, BASIC, MUTUAL, odd)
    assert read_spelt(under_way.at.facts["quirks"]) == odd


def test_a_walk_that_the_book_rules_out_is_refused_before_it_begins(room):
    room.add()
    room.connect()
    facts = {"csms_root": "root", "csms_root_serial": "abc", "quirks": spell({"walks_to": 1})}
    with pytest.raises(WalkRefused, match="quirk book"):
        room.ledger.start("CS-1", 3, facts, "user:anna")
    assert room.ledger.current("CS-1") is None
