"""Errands: orders whose message is made when it is sent, because it carries a secret that must lie nowhere before.

An errand is a command row with a name and without a payload. The node with the station's socket claims it like any
other, and hands it to whoever knows the errand.
"""

from enum import StrEnum
from typing import Protocol

from csms_bridge.commands import Answer, Command
from csms_bridge.station import CommandOrder, OcppVersion


class Errand(StrEnum):
    """What there is to do; the value stands in the command's row."""

    ROTATE_PASSWORD = "rotate-password"  # noqa: S105 -- the name of an errand
    FETCH_LOG = "fetch-log"
    UPDATE_FIRMWARE = "update-firmware"
    CANCEL_UPDATE = "cancel-update"


class Caller(Protocol):
    """A station's line, as somebody with an errand sees it."""

    @property
    def station(self) -> str:
        """The identity."""

    @property
    def version(self) -> OcppVersion:
        """What it speaks."""

    async def ask(self, command: Command) -> Answer | None:
        """Send a command and read its answer; None when there was none."""

    async def is_charging(self) -> bool:
        """Whether a transaction is open."""


class ErrandRunner(Protocol):
    """Somebody who knows one errand."""

    async def carry_out(self, order: CommandOrder, caller: Caller) -> None:
        """Do it, and see that the order gets an end."""
