"""Asking a station for a log on its line (N01): the address to upload to is made when it is sent."""

import asyncio

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errands import Caller
from csms_bridge.log_fetches import LogFetches, StationLog
from csms_bridge.orders import Ending, Orders
from csms_bridge.station import CommandOrder, OcppVersion
from pki.secret_text import Secret


class LogErrand:
    """Knows how a station is asked for its log."""

    def __init__(self, logs: LogFetches, orders: Orders) -> None:
        self._logs = logs
        self._orders = orders

    async def carry_out(self, order: CommandOrder, caller: Caller) -> None:
        """Ask; what comes of it is told by the upload and by LogStatusNotification."""
        issued = await asyncio.to_thread(self._logs.issue, order)
        if issued is None:
            await asyncio.to_thread(self._orders.finish, order, None, "the log is not wanted any more", Ending.UNSENT)
            return
        answer = await _ask(caller, *issued)
        await asyncio.to_thread(self._logs.answered, order, answer)
        words = None if answer is None else {"status": answer.words, **answer.facts}
        error = "no answer came; it may upload all the same" if answer is None else ""
        await asyncio.to_thread(self._orders.finish, order, words, error)


async def _ask(caller: Caller, log: StationLog, request_id: int, url: Secret) -> Answer | None:
    answer = await caller.ask(c.FetchLog(log.type, request_id, url, log.oldest, log.latest))
    plain_16 = caller.version is OcppVersion.V16 and log.type is c.LogKind.DIAGNOSTICS
    if plain_16 and answer is not None and answer.outcome is Outcome.NOT_SUPPORTED:
        # Without the security extension 1.6 has another message for it.
        return await caller.ask(c.FetchDiagnostics(url, log.oldest, log.latest))
    return answer
