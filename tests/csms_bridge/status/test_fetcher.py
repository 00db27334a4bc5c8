"""One exchange with a responder: where it goes, what is refused, and that it ends. No socket is opened here."""

import asyncio
import gzip
from collections.abc import Sequence

import httpx
import pytest

from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.fetcher import AT_ONCE_FOR_ONE, Fetcher, Question
from csms_bridge.status.targets import AllowList
from tests.csms_bridge.room import SetClock

URL = "https://ocsp.example/status"


class Names:
    """A name server that gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Responder(httpx.AsyncBaseTransport):
    """Stands where the sockets would be; without a body it stays silent until one is there."""

    def __init__(
        self, body: bytes | None = b"x", status: int = 200, headers: dict[str, str] | None = None,
        fault: Exception | None = None,
    ) -> None:  # fmt: skip
        self.body, self.status, self.headers, self.fault = body, status, headers or {}, fault
        self.requests: list[httpx.Request] = []
        self.busy = asyncio.Semaphore(0)
        self.speaks = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.busy.release()
        if self.body is None:
            await self.speaks.wait()
        if self.fault is not None:
            raise self.fault
        return httpx.Response(self.status, headers=self.headers, stream=httpx.ByteStream(self.body or b""))


def fetcher(responder: Responder, names: Names, *entries: str, patience: float = 5, per_minute: int = 100) -> Fetcher:
    return Fetcher(
        AllowList.of(entries or ["public"]), SetClock(), patience=patience, per_minute=per_minute, resolve=names,
        transport=responder,
    )  # fmt: skip


async def refused(asking: Fetcher, question: Question) -> StatusUnavailable:
    with pytest.raises(StatusUnavailable) as caught:
        await asking.fetch("CS-1", question)
    return caught.value


async def test_asks_at_the_address_that_was_checked():
    responder, names = Responder(b"answer"), Names(["8.8.8.8"])
    got = await fetcher(responder, names).fetch("CS-1", Question(URL, 100, b"asked", "application/ocsp-request"))
    [request] = responder.requests
    assert got == b"answer"
    assert (request.method, str(request.url)) == ("POST", "https://8.8.8.8/status")
    assert (request.headers["Host"], request.extensions["sni_hostname"]) == ("ocsp.example", "ocsp.example")
    assert request.headers["Content-Type"] == "application/ocsp-request"
    assert names.asked == [("ocsp.example", 443)]


async def test_a_name_that_changes_its_address_is_looked_up_once():
    """DNS rebinding: public when it is checked, private when it is called."""
    responder, names = Responder(), Names(["8.8.8.8"], ["127.0.0.1"])
    await fetcher(responder, names).fetch("CS-1", Question(URL, 100))
    assert [request.url.host for request in responder.requests] == ["8.8.8.8"]
    assert (await refused(fetcher(responder, names), Question(URL, 100))).code == "InvalidURL"
    assert len(responder.requests) == 1


@pytest.mark.parametrize(
    "found", [["10.0.0.1"], ["::1", "127.0.0.1"], ["169.254.169.254"], ["fe80::1%eth0"], [], ["junk"]]
)
async def test_a_name_for_a_private_address_is_not_called(found):
    responder = Responder()
    assert (await refused(fetcher(responder, Names(found)), Question(URL, 100))).code == "InvalidURL"
    assert responder.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"])
async def test_a_private_address_is_not_called(host):
    responder, names = Responder(), Names(["8.8.8.8"])
    assert (await refused(fetcher(responder, names), Question(f"http://{host}/", 100))).code == "InvalidURL"
    assert (responder.requests, names.asked) == ([], [])


async def test_of_several_addresses_an_allowed_one_is_called():
    responder = Responder()
    await fetcher(responder, Names(["10.0.0.1", "8.8.8.8"])).fetch("CS-1", Question(URL, 100))
    assert responder.requests[0].url.host == "8.8.8.8"


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
async def test_follows_no_redirect_and_takes_no_other_answer(status):
    responder = Responder(status=status, headers={"Location": "http://169.254.169.254/"})
    fault = await refused(fetcher(responder, Names(["8.8.8.8"])), Question(URL, 100))
    assert (fault.code, len(responder.requests)) == ("ResponderFailed", 1)


async def test_an_answer_without_end_is_cut_off():
    responder = Responder(b"x" * 101)
    assert (await refused(fetcher(responder, Names(["8.8.8.8"])), Question(URL, 100))).code == "TooLargeElement"


async def test_a_packed_answer_is_not_unpacked():
    packed = Responder(gzip.compress(b"x" * 50), headers={"Content-Encoding": "gzip"})
    assert (await refused(fetcher(packed, Names(["8.8.8.8"])), Question(URL, 100))).code == "ResponderFailed"


async def test_a_responder_that_never_answers_is_given_up():
    fault = await refused(fetcher(Responder(None), Names(["8.8.8.8"]), patience=0.01), Question(URL, 100))
    assert fault.code == "Timeout"


@pytest.mark.parametrize("fault", [httpx.ConnectError("no"), OSError("no"), httpx.RemoteProtocolError("junk")])
async def test_a_broken_line_says_little(fault):
    found = await refused(fetcher(Responder(fault=fault), Names(["8.8.8.8"])), Question(URL, 100))
    assert (found.code, found.sentence) == ("ResponderFailed", "the responder cannot be reached")


async def test_a_station_asks_so_often_in_a_minute_and_others_as_well():
    responder = Responder()
    asking = fetcher(responder, Names(["8.8.8.8"]), per_minute=2)
    for _ in range(2):
        await asking.fetch("CS-1", Question(URL, 100))
    assert (await refused(asking, Question(URL, 100))).code == "RateLimited"
    assert await asking.fetch("CS-2", Question(URL, 100)) == b"x"


async def test_a_station_has_so_many_questions_out_at_a_time():
    responder = Responder(None)
    asking = fetcher(responder, Names(["8.8.8.8"]))
    waiting = [asyncio.create_task(asking.fetch("CS-1", Question(URL, 100))) for _ in range(AT_ONCE_FOR_ONE)]
    for _ in waiting:
        await responder.busy.acquire()
    assert (await refused(asking, Question(URL, 100))).code == "RateLimited"
    responder.body = b"x"
    responder.speaks.set()
    await asyncio.gather(*waiting)
    assert await asking.fetch("CS-1", Question(URL, 100)) == b"x"
