"""Reasons as bits: what is stored is read back as the same, and every name has its words."""

import pytest

from csms_bridge.readiness.codes import EDITION, WORDS, Code, codes_of, mask_of
from csms_bridge.readiness.rows import ReadinessRow


@pytest.mark.parametrize("code", Code)
def test_each_reason_comes_back_from_its_bit(code):
    assert codes_of(mask_of([code])) == (code,)


def test_all_reasons_fit_into_a_number_of_the_database():
    assert mask_of(Code) < 2**63
    assert codes_of(mask_of(Code)) == tuple(Code)


def test_every_reason_has_words_of_its_own():
    assert set(WORDS) == set(Code)
    assert len(set(WORDS.values())) == len(Code)


def test_the_edition_fits_its_column():
    assert len(EDITION) == ReadinessRow.__table__.c.edition.type.length
