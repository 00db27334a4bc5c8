"""Programs of other people that some tests run as outside judges; without one its tests are skipped."""

import shutil
from pathlib import Path

import pytest

SSLYZE = Path(__file__).resolve().parent.parent / ".sslyze" / "bin" / "sslyze"


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    """A mark that skips a test where `tool` is missing and says what to install."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}: apt-get install {package}")


needs_openssl = needs("openssl", "openssl")
needs_sslyze = pytest.mark.skipif(not SSLYZE.exists(), reason="needs sslyze: make scanner")
