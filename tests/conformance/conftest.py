"""One service for all cases, and what became of each, written down with `--conformance-report`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.operator import Operator
from tests.end_to_end.running_service import RunningService

REPORT = Path(__file__).parents[2] / "docs" / "conformance.json"
_outcomes: dict[str, str] = {}


@pytest.fixture(scope="session")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = Path(shutil.copytree(template, tmp_path_factory.mktemp("conformance") / "data"))
    started = RunningService(folder)
    started.extra = {
        "VOLTWARD_TICK": "PT0.1S",
        "VOLTWARD_WALK_SETTLE": "PT0.5S",  # a station in a lane boots before it is asked for a request
        "VOLTWARD_PENDING_INTERVAL": "PT60S",
    }
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def operator(service: RunningService) -> Iterator[Operator]:
    one = Operator(service)
    yield one
    one.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.partition("::")[2]  # what stands in brackets may hold "::" too
    if name.startswith(("test_tc_", "test_check_")) and (report.when == "call" or report.outcome != "passed"):
        _outcomes[name] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--conformance-report"):
        REPORT.write_text(json.dumps(dict(sorted(_outcomes.items())), indent=1) + "\n")
