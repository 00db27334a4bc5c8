"""What all tests share: logs as the service writes them, since structlog's own default shows local variables."""

import pytest

from web.logs import set_up_logs


@pytest.fixture(autouse=True, scope="session")
def _logs() -> None:
    set_up_logs("warning")
