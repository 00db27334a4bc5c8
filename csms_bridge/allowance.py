"""A token bucket: so many at once, so many a second after that. Pure: the time is an argument."""


class Allowance:
    """`burst` may come at once, then `rate` a second. Times are seconds of a clock that never goes back."""

    __slots__ = ("_burst", "_rate", "_saved", "_seen")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._saved = burst
        self._seen = now

    def take(self, now: float) -> float:
        """Use one up; how many seconds to wait before the next, 0 while there is one left.

        It may be taken although nothing is left: the wait grows with the debt.
        """
        self._saved = min(self._burst, self._saved + (now - self._seen) * self._rate) - 1
        self._seen = now
        return max(0.0, -self._saved / self._rate)

    def try_take(self, now: float) -> bool:
        """Use one up if one is left; whether it was."""
        saved = min(self._burst, self._saved + (now - self._seen) * self._rate)
        self._seen = now
        self._saved = saved - 1 if saved >= 1 else saved
        return saved >= 1
