"""How a station repeats a certificate request by itself, by what it tells of its settings. Pure.

`CertSigningWaitMinimum` is how long it waits for the certificate before it asks again, perhaps over a new key; each
wait is twice the one before; after `CertSigningRepeatTimes` it stops, until it is asked to (2.0.1 A02.FR.17-19). 1.6
knows neither; stations that also speak ISO 15118 have both as keys (reference, ocpp-security).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms_bridge.variables import Variable, configuration_key

WAITS = (Variable("SecurityCtrlr", "CertSigningWaitMinimum"), configuration_key("CertSigningWaitMinimum"))
REPEATS = (Variable("SecurityCtrlr", "CertSigningRepeatTimes"), configuration_key("CertSigningRepeatTimes"))
SIGNING = (*WAITS, *REPEATS)
LONGEST = timedelta(days=1)
"""Nobody is left alone for longer, whatever it says of itself."""
SHORTEST_WAIT = timedelta(seconds=10)
"""EVerest takes nothing shorter (reference, station-everest): a certificate needs a moment to be made and brought."""
_MOST_DOUBLINGS = 16  # of a second is longer than a day

Told = Mapping[Variable, str | None]


@dataclass(frozen=True, slots=True)
class Habit:
    """What a station told of both; None where it told nothing that could be right."""

    wait: timedelta | None = None
    repeats: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether both are."""
        return self.wait is not None and self.repeats is not None

    def moments(self) -> Iterator[timedelta]:
        """When it asks again, counted from its first request; nothing while the habit is not known."""
        waited = timedelta(0)
        for number in range(self._doublings()):
            waited += (self.wait or timedelta(0)) * (1 << number)
            yield waited

    def gives_up_after(self) -> timedelta | None:
        """How long after its first request it stops waiting; None while the habit is not known.

        The last repetition is waited for as well, twice as long as the one before.
        """
        if self.wait is None or self.repeats is None:
            return None
        times: int = (2 << self._doublings()) - 1
        return self.wait * times

    def busy_until(self, asked_at: datetime) -> datetime:
        """Until when it goes on by itself after a request that was accepted; a trigger would be refused, or in vain."""
        return asked_at + min(self.gives_up_after() or timedelta(0), LONGEST)

    def _doublings(self) -> int:
        return min(self.repeats or 0, _MOST_DOUBLINGS)


def habit_of(told: Told) -> Habit:
    """What a station's settings say."""
    wait, repeats = _number(told, WAITS), _number(told, REPEATS)
    return Habit(None if wait is None else timedelta(seconds=wait), repeats)


def worries(habit: Habit, signing_takes: timedelta) -> list[str]:
    """What a person should know of a habit; `signing_takes` is how long a request waits for its certificate of late."""
    found: list[str] = []
    gives_up = habit.gives_up_after()
    if habit.wait is not None and habit.wait < SHORTEST_WAIT and habit.repeats:
        found.append(
            f"it asks again after {_shown(habit.wait)} already, before a certificate can be made and brought: each "
            f"time may be another key and another certificate; set CertSigningWaitMinimum to 30"
        )
    if habit.repeats == 0:
        found.append("it never asks again by itself: when a certificate is lost on its way, it must be asked to renew")
    elif gives_up is not None and gives_up < signing_takes:
        found.append(
            f"it gives up after {_shown(gives_up)}, and requests wait {_shown(signing_takes)} for their certificates "
            f"now: raise CertSigningWaitMinimum, or ask it to renew once they are signed"
        )
    if gives_up is not None and gives_up > LONGEST:
        found.append(f"it repeats one request for {_shown(gives_up)}, and may refuse to be asked meanwhile")
    return found


def _number(told: Told, names: tuple[Variable, ...]) -> int | None:
    for name in names:
        value = (told.get(name) or "").strip()
        if value.isascii() and value.isdigit() and len(value) < 9:
            return int(value)
    return None


def _shown(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
