"""The commands in docs/recovery.md are run as they stand, each loss in turn."""

import re
import shlex
from pathlib import Path

import pytest

from pki.keys import KeyAlgorithm, generate_key
from tests.pki.requests import pem_request
from tests.web.commands import Command

TEXT = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in TEXT.split("\n## ")[1:]}
LINES = {title: re.findall(r"^voltward (.+)$", part, re.MULTILINE) for title, part in SECTIONS.items()}


@pytest.mark.parametrize("title", LINES)
def test_each_command_of_a_way_back_runs(voltward: Command, tmp_path: Path, title: str) -> None:
    station = re.search(r"CS-\d+", SECTIONS[title])
    assert station, title
    voltward("station", "add", station[0], "--serial", f"SN-{station[0][3:]}", "--profile", "3", "--ocpp", "2.0.1")
    issue(voltward, tmp_path, station[0])
    assert LINES[title]
    for line in LINES[title]:
        ran = voltward(*shlex.split(line))
        assert ran.code == 0, (line, ran.err)


def issue(voltward: Command, folder: Path, station: str) -> None:
    """The station has had a certificate."""
    csr = folder / "request.pem"
    csr.write_text(pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station[3:]}"))
    ran = voltward("cert", "issue", "--csr", str(csr), "--profile", "station", "--station", station)
    assert ran.code == 0, ran.err
