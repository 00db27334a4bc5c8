"""Who gets through the HTTP upgrade, over real sockets."""

import asyncio
import socket

import pytest

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import knock, register, trusting

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def password(shared_service: RunningService) -> str:
    made = register(shared_service, "BASIC-1", "1.6")
    assert made is not None
    return made


async def test_lets_a_proved_station_in(shared_service: RunningService, password: str) -> None:
    assert await knock(shared_service, "BASIC-1", password=password) == 101


async def test_takes_the_hexadecimal_text_too(shared_service: RunningService, password: str) -> None:
    """Some 1.6 stations send the AuthorizationKey as it was set (reference §8.1)."""
    assert await knock(shared_service, "BASIC-1", password=password.encode().hex()) == 101


async def test_unknown_station_is_404(shared_service: RunningService) -> None:
    """Part 4 §3.2, J16 §3.2."""
    assert await knock(shared_service, "NOBODY", password="x" * 20) == 404


@pytest.mark.parametrize("wrong", ["", "wrong-password-16ch", None])
async def test_wrong_credentials_are_401(shared_service: RunningService, password: str, wrong: str | None) -> None:
    """A00.FR.207/.324, TC_A_03, TC_085."""
    assert await knock(shared_service, "BASIC-1", password=wrong) == 401


async def test_wrong_user_name_is_401(shared_service: RunningService, password: str) -> None:
    """A00.FR.204/.303, TC_A_02."""
    assert await knock(shared_service, "BASIC-1", password=password, user="BASIC-2") == 401


@pytest.mark.parametrize("header", ["Basic !!!", "Bearer abc", "Basic bm9jb2xvbg=="])
async def test_malformed_header_is_400(shared_service: RunningService, password: str, header: str) -> None:
    assert await knock(shared_service, "BASIC-1", headers={"Authorization": header}) == 400


async def test_malformed_identity_is_400(shared_service: RunningService) -> None:
    assert await knock(shared_service, "no%20%ff", password="x") == 400


@pytest.mark.parametrize(
    ("offered", "status"), [(("ocpp0.1",), 400), ((), 400), (("ocpp0.1", "ocpp1.6"), 101), (("ocpp2.1",), 101)]
)
async def test_subprotocol_is_negotiated(
    shared_service: RunningService, password: str, offered: tuple[str, ...], status: int
) -> None:
    """TC_B_58, TC_088: no version in common, no upgrade."""
    assert await knock(shared_service, "BASIC-1", password=password, subprotocols=offered) == status


async def test_stronger_than_asked_is_welcome_and_recorded(shared_service: RunningService) -> None:
    """DESIGN §3.10; and below what it has reached it is refused from then on."""
    secret = await asyncio.to_thread(register, shared_service, "STRONGER-1", "1.6")
    tls = trusting(await asyncio.to_thread(shared_service.root_pem))
    for port in (shared_service.ocpp_port, shared_service.tls_port):
        assert await knock(shared_service, "STRONGER-1", password=secret, tls=tls, port=port) == 101
    shown = await asyncio.to_thread(shared_service.get, "stations/STRONGER-1")
    assert shown["profile"] == 2
    assert await knock(shared_service, "STRONGER-1", password=secret) == 401
    back = {"profile": 1, "reason": "it was a trial with another client"}
    await asyncio.to_thread(shared_service.post, "stations/STRONGER-1/permit", back)
    assert await knock(shared_service, "STRONGER-1", password=secret) == 101


async def test_an_operator_sets_the_password_of_a_station_that_lost_it(shared_service: RunningService) -> None:
    old = await asyncio.to_thread(register, shared_service, "LOST-1", "1.6")
    made = await asyncio.to_thread(shared_service.post, "stations/LOST-1/password", {"reason": "board was swapped"})
    assert await knock(shared_service, "LOST-1", password=made["password"]) == 101
    assert await knock(shared_service, "LOST-1", password=old) == 401


async def test_profile_0_needs_no_password(shared_service: RunningService) -> None:
    await asyncio.to_thread(register, shared_service, "ZERO-0", "1.6", 0)
    assert await knock(shared_service, "ZERO-0") == 101


def test_plain_words_on_the_tls_only_port_are_hung_up_on(shared_service: RunningService) -> None:
    with socket.create_connection(("127.0.0.1", shared_service.tls_port), timeout=5) as plain:
        plain.sendall(b"GET /ocpp/BASIC-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert plain.recv(100) == b""
        except ConnectionResetError:
            return


async def test_every_decision_is_recorded_with_its_reason(shared_service: RunningService, password: str) -> None:
    await knock(shared_service, "BASIC-1", password="wrong-password-16ch")
    posture = await asyncio.to_thread(shared_service.get, "stations/BASIC-1/posture")
    latest = posture["admissions"][0]
    assert not latest["admitted"]
    assert latest["reason"] == "wrong user name or password"
