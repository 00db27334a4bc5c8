"""Asking for certificates and taking them."""

from __future__ import annotations

from typing import Any

import pytest

from csms_bridge.simulator.certificate_desk import CertificateDesk
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.wire import CallFailed
from tests.csms_bridge.simulator.stations import DeskBody, Json, a_config
from tests.csms_bridge.simulator.throwaway_authority import ThrowawayAuthority


@pytest.fixture(scope="module")
def authority() -> ThrowawayAuthority:
    return ThrowawayAuthority()


def a_desk(
    authority: ThrowawayAuthority, *faults: Fault, request_id: bool = False, **changes: Any
) -> tuple[CertificateDesk, DeskBody]:
    changes.setdefault("signing_wait", 0.0)
    body = DeskBody(a_config(*faults, **changes))
    body.memory.roots = (StoredRoot(CSMS_ROOT, authority.root.certificate),)
    return CertificateDesk(body, with_type=request_id, with_request_id=request_id), body


async def ask(desk: CertificateDesk, body: DeskBody) -> Json:
    assert await desk._ask_once()
    return body.calls[-1][1]


def delivery(authority: ThrowawayAuthority, asked: Json) -> Json:
    more = {"requestId": asked["requestId"]} if "requestId" in asked else {}
    return {"certificateChain": authority.chain_for(asked["csr"]), **more}


async def test_asks_again_with_a_new_key_and_then_gives_up(authority: ThrowawayAuthority) -> None:
    """2.x A02.FR.17-19."""
    desk, body = a_desk(authority)
    await desk._ask_until_delivered()
    requests = [payload["csr"] for action, payload in body.calls if action == "SignCertificate"]
    assert len(set(requests)) == 3


async def test_rejected_request_is_not_repeated(authority: ThrowawayAuthority) -> None:
    desk, body = a_desk(authority)
    body.answers["SignCertificate"] = {"status": "Rejected"}
    await desk._ask_until_delivered()
    assert len(body.calls) == 1


async def test_call_error_leaves_it_free_to_ask_again(
    authority: ThrowawayAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, body = a_desk(authority)

    async def fails(action: str, payload: Json) -> Json:
        raise CallFailed("InternalError", "")

    monkeypatch.setattr(body, "call", fails)
    await desk._ask_until_delivered()
    assert not desk.waiting


async def test_repeat_csr_sends_one_more(authority: ThrowawayAuthority) -> None:
    desk, body = a_desk(authority, Fault.REPEAT_CSR, back_off=0.0)
    await desk._ask_until_delivered()
    assert len(body.calls) == 4


async def test_takes_certificates_for_any_key_it_still_has(authority: ThrowawayAuthority) -> None:
    """OCTT TC_A_23: each repeated CSR may be answered, in any order."""
    desk, body = a_desk(authority)
    first, second = await ask(desk, body), await ask(desk, body)
    for asked in (second, first):
        assert desk.certificate_signed(delivery(authority, asked)).payload == {"status": "Accepted"}
    assert body.memory.pending == ()


async def test_the_same_delivery_twice_changes_nothing(authority: ThrowawayAuthority) -> None:
    desk, body = a_desk(authority)
    delivered = delivery(authority, await ask(desk, body))
    desk.certificate_signed(delivered)
    before = body.memory.credentials
    assert desk.certificate_signed(delivered).payload == {"status": "Accepted"}
    assert body.memory.credentials == before


async def test_21_wants_its_request_id_back(authority: ThrowawayAuthority) -> None:
    """2.1 A02.FR.25, A02.FR.26."""
    desk, body = a_desk(authority, request_id=True)
    delivered = delivery(authority, await ask(desk, body))
    for wrong in ({"requestId": 999}, {}):
        answer = desk.certificate_signed({"certificateChain": delivered["certificateChain"], **wrong})
        assert answer.payload == {"status": "Rejected"}
    assert desk.certificate_signed(delivered).payload == {"status": "Accepted"}


async def test_new_certificate_is_used_at_once_on_profile_3_only(authority: ThrowawayAuthority) -> None:
    desk, body = a_desk(authority)
    assert desk.certificate_signed(delivery(authority, await ask(desk, body))).then is None
    body.memory.profile = 3
    assert desk.certificate_signed(delivery(authority, await ask(desk, body))).then is not None


@pytest.mark.parametrize("fault", [Fault.NO_RECONNECT, Fault.EXPIRED_CERTIFICATE])
async def test_stubborn_stations_do_not_reconnect(authority: ThrowawayAuthority, fault: Fault) -> None:
    desk, body = a_desk(authority, fault)
    body.memory.profile = 3
    assert desk.certificate_signed(delivery(authority, await ask(desk, body))).then is None


async def test_refused_certificate_is_reported(authority: ThrowawayAuthority) -> None:
    """OCTT TC_A_14, TC_077."""
    desk, body = a_desk(authority, Fault.REFUSE_CERTIFICATE)
    answer = desk.certificate_signed(delivery(authority, await ask(desk, body)))
    assert answer.payload == {"status": "Rejected"}
    assert body.reports == [("InvalidChargingStationCertificate", "InvalidFormat")]


async def test_chain_over_the_limit_is_refused(authority: ThrowawayAuthority) -> None:
    """A02.FR.16."""
    desk, body = a_desk(authority)
    delivered = delivery(authority, await ask(desk, body))
    long = delivered["certificateChain"] + authority.root_pem * 20
    assert desk.certificate_signed({"certificateChain": long}).payload == {"status": "Rejected"}
    assert body.reports[0][1] == "TooLargeElement"


async def test_the_key_is_stored_before_the_request_is_sent(
    authority: ThrowawayAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, body = a_desk(authority)
    pending_when_sent: list[int] = []

    async def notes(action: str, payload: Json) -> Json:
        pending_when_sent.append(len(body.memory.pending))
        return {"status": "Accepted"}

    monkeypatch.setattr(body, "call", notes)
    await desk._ask_once()
    assert pending_when_sent == [1]
