"""Rows are read strictly: a fault names the row and the key."""

import pytest

from csms_bridge.errors import QuirkRefused
from csms_bridge.quirks.quirks import Chain
from csms_bridge.quirks.reading import LONGEST, read_file
from csms_bridge.quirks.rows import Confidence, Origin

GOOD = """
[[row]]
name = "acme-boxes"
vendor = "Acme*"
model = "Box ?0"
firmware = ">=1.4, <2"
source = "site visit"
confidence = "seen"
[row.quirks]
chain = "root"
slots = [1, 2]
"""


def test_reads_a_row_whole():
    (row,) = read_file(GOOD, Origin.OPERATOR)
    assert (row.name, row.vendor, row.model, row.firmware.text) == ("acme-boxes", "Acme*", "Box ?0", ">=1.4, <2")
    assert (row.source, row.confidence, row.origin) == ("site visit", Confidence.SEEN, Origin.OPERATOR)
    assert row.quirks == {"chain": Chain.ROOT, "slots": (1, 2)}


@pytest.mark.parametrize(
    ("change", "row", "key"),
    [
        (('name = "acme-boxes"\n', ""), "row 1", "name"),
        (('"acme-boxes"', '"Acme Boxes"'), "row 1", "name"),
        (("vendor", "maker"), "row 1 (acme-boxes)", "maker"),
        (('"Acme*"', "7"), "row 1 (acme-boxes)", "vendor"),
        (('"Acme*"', '""'), "row 1 (acme-boxes)", "vendor"),
        ((">=1.4, <2", ">=new"), "row 1 (acme-boxes)", "firmware"),
        (('"seen"', '"sure"'), "row 1 (acme-boxes)", "confidence"),
        (('chain = "root"', 'chain = "roots"'), "row 1 (acme-boxes)", "quirks.chain"),
        (("slots = [1, 2]", "slotz = [1, 2]"), "row 1 (acme-boxes)", "quirks.slotz"),
        (("[row.quirks]", "[quirks]"), "file", "quirks"),
        (("[[row]]", "[[rows]]"), "file", "rows"),
        (("[[row]]", "row = ["), "file", ""),
    ],
)
def test_a_fault_names_the_row_and_the_key(change, row, key):
    with pytest.raises(QuirkRefused) as refused:
        read_file(GOOD.replace(*change), Origin.OPERATOR)
    assert (refused.value.row, refused.value.key) == (row, key)
    assert refused.value.sentence.startswith(row)


def test_a_row_that_says_nothing_is_refused():
    with pytest.raises(QuirkRefused, match="it says nothing"):
        read_file('[[row]]\nname = "empty"\nvendor = "Acme"\n', Origin.OPERATOR)


def test_two_rows_of_one_name_are_refused():
    with pytest.raises(QuirkRefused, match=r"row 2 \(acme-boxes\), name"):
        read_file(GOOD + GOOD, Origin.OPERATOR)


def test_a_file_beyond_all_measure_is_refused_unread():
    with pytest.raises(QuirkRefused, match="longer than"):
        read_file("#" * (LONGEST + 1), Origin.OPERATOR)
