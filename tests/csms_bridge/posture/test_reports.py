import pytest

from csms_bridge.posture.reports import MOST_PARTS, ReportStream


def stream(*parts: tuple[int, bool]) -> ReportStream:
    report = ReportStream(7)
    for part, more in parts:
        report.take(part, more)
    return report


@pytest.mark.parametrize(
    "parts",
    [
        [(0, False)],
        [(0, True), (1, True), (2, False)],
        [(2, False), (0, True), (1, True)],
        [(0, True), (0, True), (1, False), (0, True)],
    ],
)
def test_is_complete_in_any_order(parts):
    report = stream(*parts)
    assert report.is_complete
    assert report.words == ""


def test_a_part_that_came_already_is_not_taken_in_again():
    report = stream((0, True))
    assert not report.take(0, True)
    assert report.take(1, False)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "the report never came"),
        ([(0, True), (1, True)], "the report stopped after part 2"),
        ([(0, True), (2, False)], "parts 2 of 3 never came"),
        ([(2**40, False)], f"parts 1, 2, 3, 4, 5 … of {2**40 + 1} never came"),
        ([(-5, True)], "the report stopped after part -4"),
    ],
)
def test_says_what_is_missing(parts, words):
    report = stream(*parts)
    assert not report.is_complete
    assert report.words == words


def test_an_endless_report_is_given_up():
    report = stream(*((part, True) for part in range(MOST_PARTS + 50)))
    assert report.is_endless
    assert len(report.seen) == MOST_PARTS
    assert "has no end" in report.words
    assert not report.take(MOST_PARTS + 51, True)
