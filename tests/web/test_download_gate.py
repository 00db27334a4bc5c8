"""How many downloads there may be, and how often an address may ask."""

import pytest

from web.download_gate import DownloadGate
from web.errors import TooManyDownloads


def test_places_are_free_again_after_each_download():
    gate = DownloadGate(at_once=2, per_address=1, per_minute=100)
    with gate.place("a"), gate.place("b"), pytest.raises(TooManyDownloads), gate.place("c"):
        pass
    with gate.place("c"), pytest.raises(TooManyDownloads), gate.place("c"):
        pass
    with gate.place("c"):
        pass


def test_an_address_asks_so_often_in_a_minute():
    gate = DownloadGate(2, 2, per_minute=60)
    for _ in range(60):
        gate.knock("a", 0.0)
    with pytest.raises(TooManyDownloads):
        gate.knock("a", 0.0)
    gate.knock("b", 0.0)
    gate.knock("a", 1.5)


def test_it_forgets_rather_than_grows():
    gate = DownloadGate(2, 2, 60)
    for number in range(10_050):
        gate.knock(str(number), 0.0)
    assert len(gate._allowances) == 10_000
