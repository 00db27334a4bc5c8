import os

import pytest

from tests.tools_needed import needs


def test_a_missing_tool_skips_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    mark = needs("openssl", "openssl").mark
    assert mark.args == (True,)
    assert mark.kwargs["reason"] == "needs openssl: apt-get install openssl"


def test_a_tool_that_is_there_skips_nothing() -> None:
    assert needs("sh", "dash").mark.args == (False,)
