"""What a station's answer means for the password or the certificate that it was sent, written down."""

import asyncio

from csms_bridge.commands import Answer, Outcome
from csms_bridge.desk import Desk
from csms_bridge.walks.acts import Prepared


async def settle(desk: Desk, station: str, prepared: Prepared, answer: Answer | None) -> None:
    """Write down what an answer means for a password or a certificate; silence means nothing yet."""
    if answer is None:
        return
    accepted = answer.outcome is Outcome.ACCEPTED
    if prepared.password and accepted:
        await asyncio.to_thread(desk.passwords.accepted, station, prepared.password)
    elif prepared.password and answer.outcome is not Outcome.REBOOT_REQUIRED:
        await asyncio.to_thread(desk.passwords.refused, station, prepared.password)
    if prepared.delivery and accepted:
        await desk.counter.taken(prepared.delivery)
    elif prepared.delivery:
        await asyncio.to_thread(desk.enrolment.rejected, prepared.delivery, answer.words)
