"""Every named bad request is refused by its rule, within bounds; every named odd one is read."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.csr import read_request
from pki.errors import CsrRejected
from pki.refusals import Refusal
from pki.strict_der import inside, parts
from tests.pki.hostile_requests import HOSTILE, TOLERATED, Case, Tolerated

MOST_MEMORY = 4 << 20  # octets: the largest text alone may be 16 KiB
MOST_CALLS = 20_000  # of functions, Python's and built-in ones: a measure of time that no busy machine changes


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_refuses_by_the_rule(case: Case) -> None:
    with pytest.raises(CsrRejected) as caught:
        read_request(case.make())
    assert caught.value.code == case.code
    assert caught.value.sentence
    assert caught.value.clause
    assert caught.value.hint


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in [*HOSTILE, *TOLERATED]]
    assert len(set(names)) == len(names)
    assert len(HOSTILE) >= 60


def test_every_rule_about_the_request_itself_has_a_case() -> None:
    """The others need records: `tests/pki/test_orders.py`, `test_issuance.py`, and enrolment outside OCPP."""
    rules = [refusal.value.code for refusal in Refusal]
    about_the_request = rules[: rules.index("bad-name") + 1]
    assert {case.code for case in HOSTILE} == set(about_the_request)


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_refusal_costs_little(case: Case) -> None:
    made = case.make()
    refuse(made)  # what is worked out once is not this request's cost
    calls = counted(lambda: refuse(made))
    assert calls < MOST_CALLS
    tracemalloc.start()
    refuse(made)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY


def refuse(made: str | bytes) -> None:
    with pytest.raises(CsrRejected):
        read_request(made)


def counted(act: Callable[[], None]) -> int:
    """How many functions an act calls."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("case", TOLERATED, ids=str)
def test_reads_what_the_field_sends(case: Tolerated) -> None:
    request = read_request(case.make())
    assert request.oddities == case.oddities
    assert request.common_name in ("SN-1", None)
    signed, _, signature = parts(inside(request.der, 0x30), 0x30, 0x30, 0x03)
    if isinstance(request.public_key, ec.EllipticCurvePublicKey):
        request.public_key.verify(inside(signature, 0x03)[1:], signed, ec.ECDSA(hashes.SHA256()))
