"""Commands of people and scripts on a station's line: sent, and their end written down."""

import asyncio

from csms_bridge.dialects.wire import Request
from csms_bridge.errors import NotSent, StationSilent
from csms_bridge.frames import CallError
from csms_bridge.open_line import OpenLine
from csms_bridge.orders import Ending
from csms_bridge.station import CommandOrder


async def carry_out(order: CommandOrder, line: OpenLine) -> None:
    """Send a command that somebody ordered, or have its errand run."""
    orders = line.desk.orders
    if (runner := line.desk.errands.get(order.errand)) is not None:
        if line.is_accepted:
            await runner.carry_out(order, line)
        else:  # an errand carries a secret, which is not for who has proved too little or leaves just now
            await asyncio.to_thread(orders.put_back, order)
        return
    try:
        result = await line.call(Request(order.action, order.payload))
    except StationSilent as silent:
        ending = Ending.UNSENT if isinstance(silent, NotSent) else Ending.SILENT
        await asyncio.to_thread(orders.finish, order, None, silent.sentence, ending)
        return
    if isinstance(result, CallError):
        error = f"{result.code}: {result.description}".rstrip(": ")
        await asyncio.to_thread(orders.finish, order, result.details, error, Ending.REFUSED)
        return
    remark = line.link.dialect.remark_on_answer(order.action, result.payload)
    await asyncio.to_thread(orders.finish, order, result.payload, remark, Ending.ANSWERED)
