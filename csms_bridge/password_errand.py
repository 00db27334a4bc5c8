"""Changing a password on the line (A01): made, its hash stored, sent, and the answer taken for what it is."""

import asyncio

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errands import Caller
from csms_bridge.orders import Ending, Orders
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.quiet import QuietMode
from csms_bridge.quirks.quirks import PasswordForm, Quirks, QuirksOf, nothing_odd
from csms_bridge.station import CommandOrder, OcppVersion
from csms_bridge.variables import Setting, Variable
from pki.secret_text import Secret

_ACTIVE = Variable("OCPPCommCtrlr", "ActiveNetworkProfile")
_NO_ANSWER = "no answer came: old and new passwords are good until one is used"


class PasswordErrand:
    """Knows how a station gets a new password."""

    def __init__(
        self, rotations: PasswordRotations, passwords: PasswordBook, orders: Orders, quiet: QuietMode,
        quirks_of: QuirksOf = nothing_odd,
    ) -> None:  # fmt: skip
        self._quirks_of = quirks_of
        self.rotations = rotations
        self._quiet = quiet
        self._passwords = passwords
        self._orders = orders

    async def carry_out(self, order: CommandOrder, caller: Caller) -> None:
        """Change the password; the line is dropped by the station soon after, so never while it charges."""
        if await caller.is_charging():
            await asyncio.to_thread(self._orders.put_back, order)
            return
        if why := await asyncio.to_thread(self.rotations.objection, order.station):
            await asyncio.to_thread(self._orders.finish, order, None, why, Ending.UNSENT)
            return
        quirks = await self._odd(order.station)
        name, password = await asyncio.to_thread(self._passwords.offer, order.station, quirks.password_bytes)
        await asyncio.to_thread(self.rotations.offered, order, name)
        answer = await self._set(caller, password, quirks)
        await self._settle(order, name, answer)
        await self.restart(caller)

    async def restart(self, caller: Caller) -> None:
        """Restart a station whose new password waits for that, if this was allowed and nobody charges."""
        if await caller.is_charging():
            return
        if await asyncio.to_thread(self.rotations.restarting, caller.station):
            quirks = await self._odd(caller.station)
            await caller.ask(c.Restart(c.RestartKind(quirks.restart_way.value)))

    async def _odd(self, station: str) -> Quirks:
        return (await asyncio.to_thread(self._quirks_of, [station]))[station]

    async def _set(self, caller: Caller, password: Secret, quirks: Quirks) -> Answer | None:
        """Set the password where the station looks for it. None: what it did is unknown.

        A 2.1 station may have one for each connection slot (NetworkConfiguration, B09.FR.26-28), and goes by that
        before the one of SecurityCtrlr. So the slot in use comes first; a station that has none, or does not let the
        slot in use be written (ActiveNetworkConf), takes the other, which then counts for all slots. A quiet station
        is not asked which slot it uses: nobody ordered that question, and certification (TC_A_09) does not hold it.
        """
        if caller.version is OcppVersion.V21 and (slot := await self._slot_in_use(caller)):
            own = Variable("NetworkConfiguration", "BasicAuthPassword", slot)
            answer = await caller.ask(c.WriteSettings((Setting(own, password.text()),)))
            if answer is None or answer.outcome in (Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED):
                return answer
        return await caller.ask(c.SetPassword(password, quirks.password_form is PasswordForm.TEXT))

    async def _slot_in_use(self, caller: Caller) -> str:
        if await asyncio.to_thread(self._quiet.is_on, caller.station):
            return ""
        answer = await caller.ask(c.ReadSettings((_ACTIVE,)))
        told = answer.readings[0].value if answer is not None and answer.readings else None
        return told if told is not None and told.isascii() and told.isdigit() else ""

    async def _settle(self, order: CommandOrder, name: str, answer: Answer | None) -> None:
        if answer is not None and answer.outcome is Outcome.ACCEPTED:
            await asyncio.to_thread(self._passwords.accepted, order.station, name)
        elif answer is not None and answer.outcome is not Outcome.REBOOT_REQUIRED:
            await asyncio.to_thread(self._passwords.refused, order.station, name)
        await asyncio.to_thread(self.rotations.answered, order, answer)
        words = None if answer is None else {"status": answer.words}
        await asyncio.to_thread(self._orders.finish, order, words, _NO_ANSWER if answer is None else "")
