"""One line: a call whose line is lost is silent in every case, and nothing about it is left to the log."""

import asyncio
import gc
from typing import Any

from websockets.exceptions import ConnectionClosedOK

from csms_bridge.dialects.wire import Request
from csms_bridge.errors import StationSilent
from csms_bridge.link import Limits, Link


class Unread:
    """A socket whose other side has stopped reading: sending waits until the line is lost."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.sending = asyncio.Event()

    async def send(self, _text: str) -> None:
        self.sending.set()
        await self.lost.wait()
        await asyncio.sleep(0)  # the reading side hears of it first
        raise ConnectionClosedOK(None, None)

    def __aiter__(self) -> "Unread":
        return self

    async def __anext__(self) -> str:
        await self.lost.wait()
        raise StopAsyncIteration


class Unwritten:
    """A journal that nobody reads."""

    def note(self, *_: object) -> None:
        """Nothing is kept."""


async def _nobody(_action: str, _payload: Any) -> Any:
    raise AssertionError("the station calls nothing")


async def test_a_line_lost_while_a_call_is_being_sent_leaves_nothing_to_the_log():
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    socket = Unread()
    link = Link("CS-1", socket, None, Unwritten(), Limits(5.0, 10))  # type: ignore[arg-type]
    serving = asyncio.create_task(link.serve(_nobody))
    asking = asyncio.create_task(link.call(Request("Reset", {"type": "Hard"})))
    await socket.sending.wait()
    socket.lost.set()
    (fault, _) = await asyncio.gather(asking, serving, return_exceptions=True)
    assert isinstance(fault, StationSilent)
    assert "the line closed" in str(fault)
    del asking, serving, fault  # the fault's traceback holds what the call waited for
    await asyncio.sleep(0)  # the loop lets go of the tasks
    gc.collect()
    assert told == []
