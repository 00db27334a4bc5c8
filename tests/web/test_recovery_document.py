"""The commands in docs/recovery.md are run as they stand, each loss in turn."""

import re
import shlex
from pathlib import Path

import pytest

from csms_bridge.recovery.words import Loss
from pki.keys import KeyAlgorithm, generate_key
from tests.pki.makers import maker_root
from tests.pki.requests import pem_request
from tests.web.commands import Command

TEXT = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in TEXT.split("\n## ")}
LINES = {title: re.findall(r"^voltward (.+)$", part, re.MULTILINE) for title, part in SECTIONS.items()}
RUN = {title: lines for title, lines in LINES.items() if lines}


@pytest.mark.parametrize("title", RUN)
def test_each_command_of_a_way_back_runs(voltward: Command, tmp_path: Path, title: str) -> None:
    anchor = tmp_path / "maker.pem"
    anchor.write_bytes(maker_root().pem)
    voltward("anchor", "add", str(anchor), "--vendor", "Volt Motors", "--name", "volt")
    stations = sorted(set(re.findall(r"\bCS-\d+", " ".join(RUN[title]))))
    assert stations, title
    for station in stations:
        voltward("station", "add", station, "--serial", f"SN-{station[3:]}", "--profile", "3", "--ocpp", "2.0.1")
        issue(voltward, tmp_path, station)
    for line in RUN[title]:
        ran = voltward(*shlex.split(line))
        assert ran.code == 0, (line, ran.err)


def test_every_loss_has_a_command_in_the_document() -> None:
    told = set(re.findall(r"--loss (\w+)", " ".join(line for lines in RUN.values() for line in lines)))
    assert told | {Loss.EXPIRED.value} == {loss.value for loss in Loss}
    assert any("recover" in line and "--loss" not in line for lines in RUN.values() for line in lines)


def issue(voltward: Command, folder: Path, station: str) -> None:
    """The station has had a certificate."""
    csr = folder / "request.pem"
    csr.write_text(pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station[3:]}"))
    ran = voltward("cert", "issue", "--csr", str(csr), "--profile", "station", "--station", station)
    assert ran.code == 0, ran.err
