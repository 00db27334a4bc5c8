import re

from hypothesis import assume, given
from hypothesis import strategies as st

from pki.typed_codes import ALPHABET, new_code, read_code

CODES = st.builds(new_code)
PLACES = st.integers(0, 19)


def symbols(code: str) -> str:
    return code.replace("-", "")


def test_a_code_has_four_groups_of_five() -> None:
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", new_code())


def test_no_two_codes_are_the_same() -> None:
    assert len({new_code() for _ in range(500)}) == 500


@given(CODES)
def test_a_code_reads_back(code: str) -> None:
    assert read_code(code) == symbols(code)


@given(CODES, st.sampled_from([str.lower, symbols, lambda code: code.replace("-", " "), lambda code: f" {code}\n"]))
def test_case_blanks_and_groups_do_not_matter(code: str, spelt: object) -> None:
    assert read_code(spelt(code)) == symbols(code)  # type: ignore[operator]


@given(CODES)
def test_letters_that_look_like_digits_are_read_as_digits(code: str) -> None:
    assert read_code(code.replace("0", "O").replace("1", "I")) == symbols(code)
    assert read_code(code.replace("0", "o").replace("1", "l")) == symbols(code)


@given(CODES, PLACES, st.sampled_from(ALPHABET))
def test_one_wrong_symbol_is_always_noticed(code: str, place: int, wrong: str) -> None:
    right = symbols(code)
    assume(right[place] != wrong)
    assert read_code(right[:place] + wrong + right[place + 1 :]) is None


@given(CODES, PLACES, PLACES)
def test_two_swapped_symbols_are_always_noticed(code: str, one: int, other: int) -> None:
    swapped = list(symbols(code))
    assume(swapped[one] != swapped[other])
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert read_code("".join(swapped)) is None


@given(CODES, PLACES)
def test_a_missing_symbol_is_noticed(code: str, place: int) -> None:
    right = symbols(code)
    assert read_code(right[:place] + right[place + 1 :]) is None


@given(st.text(max_size=60))
def test_any_text_is_a_code_in_its_one_spelling_or_none(text: str) -> None:
    read = read_code(text)
    assert read is None or read_code(read) == read
