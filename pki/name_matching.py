"""Whether a claimed name is a name on record, however the station spells it.

Names are prepared as X.520's caseIgnoreMatch asks (RFC 4518 §2): Unicode in one form, upper and lower case alike, runs
of blanks as one. UTF8String, PrintableString and the rest were decoded before, so the kind of string makes no
difference.
"""

from functools import lru_cache
from unicodedata import normalize


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same but for their spelling."""
    return _prepared(one) == _prepared(other)


def holds_name(claimed: str, ours: str) -> bool:
    """Whether a claimed CN is ours, or holds it as a word of its own (A00.FR.405 says "contains").

    `ACME SN-1` names SN-1. `SN-12` does not: it is another station's.
    """
    text, word = _prepared(claimed), _prepared(ours)
    start = text.find(word)
    while start >= 0:
        if not _goes_on(text[:start][-1:]) and not _goes_on(text[start + len(word) :][:1]):
            return True
        start = text.find(word, start + 1)
    return False


@lru_cache(maxsize=4096)  # the operator's name is compared with each request's, and a station's several times
def _prepared(name: str) -> str:
    return " ".join(normalize("NFKC", normalize("NFKC", name).casefold()).split())


def _goes_on(neighbour: str) -> bool:
    """Whether a word goes on at this neighbour (empty at either end of the text)."""
    return neighbour.isascii() and neighbour.isalnum()
