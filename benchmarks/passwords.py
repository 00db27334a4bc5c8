"""A fleet with passwords that people chose comes back: the first time, and again, beside bare slow hashes."""

import asyncio
import secrets
import time
from collections.abc import Sequence

from benchmarks.figures import Figure
from csms_bridge.password_checks import PasswordChecks
from csms_bridge.passwords import PasswordKind, hash_password, password_matches
from csms_bridge.station import KnownPassword
from pki.secret_text import Secret

_KEY = secrets.token_bytes(32)
RATIO = 0.5

Fleet = Sequence[tuple[str, Secret, KnownPassword]]


def measure(stations: int = 60) -> list[Figure]:
    """All at once, twice; then one slow hash after the other in one thread."""
    fleet = [_station(number) for number in range(stations)]
    first, again, slow = asyncio.run(_come_back_twice(fleet))
    bare = _bare(fleet[: stations // 3])
    return [
        Figure(
            "chosen passwords, the fleet at once",
            first,
            "/s",
            f">= {RATIO} of bare argon2",
            first >= RATIO * bare,
            bare,
        ),
        Figure("chosen passwords, the fleet again", again, "/s", "for comparison", met=True, limit=bare),
        Figure("slow hashes for a station that came twice", slow / stations, "", "1", slow == stations),
    ]


async def _come_back_twice(fleet: Fleet) -> tuple[float, float, int]:
    checks = PasswordChecks(_KEY, queue=len(fleet))
    first = await _come_back(checks, fleet)
    return first, await _come_back(checks, fleet), checks.slow


async def _come_back(checks: PasswordChecks, fleet: Fleet) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(checks.find(name, password, [known]) for name, password, known in fleet))
    return len(fleet) / (time.perf_counter() - began)


def _bare(fleet: Fleet) -> float:
    began = time.perf_counter()
    for name, password, known in fleet:
        password_matches(password, known.hash, name, _KEY)
    return len(fleet) / (time.perf_counter() - began)


def _station(number: int) -> tuple[str, Secret, KnownPassword]:
    name, password = f"CS-{number}", Secret.of(f"chosen by {number}")
    return name, password, KnownPassword("1", hash_password(password, PasswordKind.CHOSEN, name, _KEY))
