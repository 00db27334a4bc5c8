"""The calls that were answered last on one line, for a call that comes twice and an answer that is complained of.

A station that lost our answer may send the same CALL again under the same id. It gets the same answer again, and what
the call brought about is not brought about twice: a transaction is not begun anew, a security event not kept twice.
Neither refusing nor carrying it out again would do: a refusal leaves the station without the answer that it needs, and
some send transaction messages again and again until they have one.

The same id with other words is a call of its own: small stations count their ids anew or use one for all, and one call
at a time is in flight, so nothing is mixed up by it. What is remembered is therefore the whole message, for a short
time; a heartbeat is never answered from memory, since its answer sets a clock. None of this keeps an attacker out:
whoever writes on the line can make up ids.
"""

from dataclasses import dataclass

from csms_bridge.frames import Call, CallResult

REMEMBERED = 8
"""Calls a line: a station has one in flight at a time, so what it sends again is among its last ones."""
FOR = 120.0
"""Seconds: longer than a station waits for an answer before it tries again."""
_ALWAYS_FRESH = ("Heartbeat",)


@dataclass(frozen=True, slots=True)
class _Answered:
    call: str
    action: str
    message: int
    answer: CallResult
    at: float


class AnsweredCalls:
    """The memory of one line; `now` is any clock that only goes forward, in s."""

    def __init__(self) -> None:
        self._last: list[_Answered] = []

    def note(self, call: Call, message: str | bytes, answer: CallResult, now: float) -> None:
        """This call, which came as this message, was answered."""
        self._last.append(_Answered(call.id, call.action, hash(message), answer, now))
        del self._last[:-REMEMBERED]

    def answer_to(self, call: Call, message: str | bytes, now: float) -> CallResult | None:
        """The answer that this very message was given before, None when it is new."""
        if call.action in _ALWAYS_FRESH:
            return None
        same = (one for one in self._last if (one.call, one.message) == (call.id, hash(message)))
        return next((one.answer for one in same if now - one.at < FOR), None)

    def action_of(self, call: str) -> str:
        """What the call with this id was about; empty when it is forgotten."""
        return next((one.action for one in reversed(self._last) if one.call == call), "")
