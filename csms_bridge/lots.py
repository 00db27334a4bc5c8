"""What many sessions ask for at the same time is done together: one thread, one transaction, one answer for each.

A session that goes to the database by itself costs a thread's turn, a session and statements of its own. Whoever asks
first goes at once, alone; those who come meanwhile make the next lot.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 256  # in one lot: some ten milliseconds of the database


class Lots(Generic[Asked, Answer]):
    """`carry` answers a lot of `most` at most, in its order; it is called in a thread, one lot after the other.

    An answer that is an exception is raised to who asked. When `carry` itself fails, each of the lot is tried alone, so
    that one that cannot be done stops nobody else: it must leave nothing half done, or find again what it left.
    """

    def __init__(self, carry: Callable[[Sequence[Asked]], Sequence[Answer | Exception]], most: int = MOST) -> None:
        self._carry = carry
        self._most = most
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._work: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """Have it done with what others ask for."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._carry_all())
        return await answer

    async def _carry_all(self) -> None:
        while self._waiting:
            lot, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            answers = await asyncio.to_thread(self._answers, [asked for asked, _ in lot])
            for (_, future), answer in zip(lot, answers, strict=True):
                if future.done():  # who asked has gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _answers(self, lot: Sequence[Asked]) -> Sequence[Answer | Exception]:
        try:
            return self._carry(lot)
        except Exception as fault:
            return [fault] if len(lot) == 1 else [answer for one in lot for answer in self._answers([one])]
