"""Peers judged together: each as if alone, and every verdict is on record before anybody hears it."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy import event
from websockets.datastructures import Headers
from websockets.http11 import Request

from csms_bridge.admission import Admitted, Refused
from csms_bridge.arrivals import Line
from csms_bridge.edge_chain import Anchors
from csms_bridge.edges import Edges
from csms_bridge.judging import Asked, Judging, Knocking, Welcome
from csms_bridge.recovery.words import Ask, Loss
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import SecurityProfile
from pki.revocation import RevocationReason
from pki.secret_text import Secret
from tests.csms_bridge.room import PLAIN_LINE, TLS_LINE

NONE, BASIC, TLS, MUTUAL = SecurityProfile


@pytest.fixture
def judging(signing_room):
    room = signing_room
    return Judging(room.sightings, room.passwords, room.authority, Edges(BridgeSettings(), lambda: Anchors([])))


def knocking(identity, *, line=PLAIN_LINE, password=None, shown=None, fault=None, **headers):
    sent = Headers({"Sec-WebSocket-Protocol": "ocpp1.6", **headers})
    if password is not None:
        pair = base64.b64encode(identity.encode() + b":" + password.reveal).decode()
        sent["Authorization"] = f"Basic {pair}"
    return Knocking(identity, line, Request(f"/ocpp/{identity}", sent), shown, fault)


def admissions(room, station):
    return [(one.admitted, one.reason) for one in room.registry.posture(station).admissions]


def test_each_of_a_lot_gets_its_own_verdict_in_its_place(signing_room, judging):
    room = signing_room
    right = room.add("CS-1").password
    room.add("CS-2")
    room.add("CS-3", profile=MUTUAL)
    made, shown = room.certified("CS-3")
    outcomes = judging.judge_each(
        [
            knocking("CS-1", password=right),
            knocking("CS-9", password=right),
            knocking("CS-2", password=right),
            knocking("CS-3", line=TLS_LINE, shown=shown),
        ]
    )
    assert isinstance(outcomes[0], Welcome)
    assert outcomes[0].admitted.profile is BASIC
    assert outcomes[1] is None
    assert isinstance(outcomes[2], Refused)
    assert outcomes[3].admitted == Admitted(MUTUAL, "ocpp1.6", made.serial, made.made_at)


def test_every_verdict_is_on_record(signing_room, judging):
    room = signing_room
    right = room.add("CS-1").password
    room.add("CS-2")
    judging.judge_each([knocking("CS-1", password=right), knocking("CS-2", password=right)])
    assert admissions(room, "CS-1") == [(True, "Basic password over plain transport")]
    assert admissions(room, "CS-2") == [(False, "wrong user name or password")]
    assert "station:refused" in room.acts("CS-2")


def test_a_lot_costs_no_more_transactions_than_one(signing_room, judging):
    room = signing_room
    lot = [knocking(f"CS-{number}", password=room.add(f"CS-{number}").password) for number in range(20)]
    begun = []
    event.listen(room.store.engine, "begin", lambda _: begun.append(1))
    judging.judge_each(lot[:1])
    of_one = len(begun)
    judging.judge_each(lot)
    assert len(begun) == 2 * of_one


def test_one_station_twice_in_a_lot_is_judged_twice(signing_room, judging):
    room = signing_room
    right = room.add("CS-1").password
    outcomes = judging.judge_each([knocking("CS-1", password=Secret.of("wrong")), knocking("CS-1", password=right)])
    assert [type(one) for one in outcomes] == [Refused, Welcome]
    assert [admitted for admitted, _ in admissions(room, "CS-1")] == [True, False]


def test_a_revoked_certificate_is_refused_beside_a_good_one(signing_room, judging):
    room = signing_room
    room.add("CS-1", profile=MUTUAL)
    room.add("CS-2", profile=MUTUAL)
    made, revoked = room.certified("CS-1")
    _, good = room.certified("CS-2")
    room.authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    outcomes = judging.judge_each(
        [knocking("CS-1", line=TLS_LINE, shown=revoked), knocking("CS-2", line=TLS_LINE, shown=good)]
    )
    assert [type(one) for one in outcomes] == [Refused, Welcome]
    assert "revoked" in outcomes[0].reason


def test_another_stations_certificate_is_refused(signing_room, judging):
    room = signing_room
    room.add("CS-1", profile=MUTUAL)
    room.add("CS-2", profile=MUTUAL)
    _, shown = room.certified("CS-1")
    assert isinstance(judging.judge_each([knocking("CS-2", line=TLS_LINE, shown=shown)])[0], Refused)


def test_a_password_that_a_person_chose_is_not_decided_here(signing_room, judging):
    """Its hash is slow; nothing is on record until it is computed."""
    room = signing_room
    chosen = Secret.of("a password of sixteen")
    room.add("CS-1", password=chosen)
    (asked,) = judging.judge_each([knocking("CS-1", password=chosen)])
    assert isinstance(asked, Asked)
    assert admissions(room, "CS-1") == []
    assert isinstance(judging.conclude(asked, None, is_retired=False), Refused)
    assert isinstance(judging.conclude(asked, asked.known.good[0].id, is_retired=False), Welcome)
    assert [admitted for admitted, _ in admissions(room, "CS-1")] == [True, False]


def test_a_password_that_was_given_up_is_told_from_a_wrong_one(signing_room, judging):
    room = signing_room
    old = room.add("CS-1").password
    room.clock.advance(minutes=1)
    offered, _ = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offered)
    (refused,) = judging.judge_each([knocking("CS-1", password=old)])
    assert isinstance(refused, Refused)
    assert refused.reason != judging.judge_each([knocking("CS-1", password=Secret.of("wrong"))])[0].reason


def test_what_is_wrong_with_an_edges_word_is_refused_on_record(signing_room, judging):
    room = signing_room
    room.add("CS-1")
    fault = Refused(400, "not taken: a header twice")
    assert judging.judge_each([knocking("CS-1", fault=fault)]) == [fault]
    assert admissions(room, "CS-1") == [(False, fault.reason)]


def test_a_broken_header_is_refused_on_record(signing_room, judging):
    room = signing_room
    room.add("CS-1")
    (refused,) = judging.judge_each([knocking("CS-1", Authorization="Basic !")])
    assert refused.status == 400
    assert [admitted for admitted, _ in admissions(room, "CS-1")] == [False]


def test_the_recovery_lane_ends_with_its_time(signing_room, judging):
    room = signing_room
    room.add("CS-1", profile=MUTUAL)
    _, shown = room.certified("CS-1")
    room.clock.advance(days=5000)
    room.recoveries.ask(Ask("CS-1", Loss.EXPIRED, timedelta(hours=1), "forgotten in a shed"), "user:anna")
    expired = knocking("CS-1", line=TLS_LINE, shown=shown)
    assert isinstance(judging.judge_each([expired])[0], Welcome)
    room.clock.advance(hours=2)
    assert isinstance(judging.judge_each([expired])[0], Refused)


@pytest.mark.parametrize(
    ("last", "now", "is_home"),
    [
        (None, "192.0.2.7", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::1", "2001:db8::2:7", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_notices_who_comes_from_where_the_station_came_from_last(signing_room, judging, last, now, is_home):
    """For its place in the queue of slow hashes, and for nothing else."""
    signing_room.add("CS-1", password=Secret.of("a chosen password"))
    if last is not None:
        signing_room.connect("CS-1", line=Line(last))
    (asked,) = judging.judge_each([knocking("CS-1", line=Line(now), password=Secret.of("whatever it is"))])
    assert isinstance(asked, Asked)
    assert asked.is_at_home is is_home
