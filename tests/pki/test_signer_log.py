"""The signer's log goes from file to file: full ones are sealed, old ones deleted, and the chain is not lost."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pki.signer_process.ledger import Ledger
from pki.signer_process.log import Bounds, LogBroken, SignerLog, read_log
from pki.signer_process.segments import sealed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SMALL = Bounds(full=400)  # three lines or so


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signer.log"


def written(path: Path, count: int, bounds: Bounds = SMALL, start: datetime = NOON, step: timedelta = DAY) -> None:
    log = SignerLog(path, bounds=bounds)
    try:
        for number in range(count):
            log.append([{"do": "sign", "number": number, "at": (start + number * step).isoformat()}])
    finally:
        log.close()


def numbers(path: Path) -> list[int]:
    return [entry["number"] for entry in read_log(path) if entry["do"] == "sign"]


def test_a_full_file_is_sealed_and_the_chain_goes_on(path: Path) -> None:
    written(path, 20)
    files = sealed(path)
    assert list(files) == list(range(1, len(files) + 1))
    assert len(files) > 3
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (*files.values(), path))
    assert numbers(path) == list(range(20))
    assert [entry["sequence"] for entry in read_log(path)] == list(range(1, 21 + len(files)))


def test_a_restart_goes_on_where_it_was(path: Path) -> None:
    written(path, 7)
    written(path, 7)
    assert numbers(path) == [*range(7), *range(7)]


@pytest.mark.parametrize("line", [1, 2])
def test_a_change_in_any_file_is_noticed(path: Path, line: int) -> None:
    written(path, 20)
    for file in (*sealed(path).values(), path):
        whole = file.read_text()
        lines = whole.splitlines(keepends=True)
        if len(lines) < line:
            continue
        lines[line - 1] = lines[line - 1].replace('"do":', '"d0":')
        file.write_text("".join(lines))
        with pytest.raises(LogBroken):
            list(read_log(path))
        file.write_text(whole)
    assert len(numbers(path)) == 20


@pytest.mark.parametrize("missing", [1, 2, -1])
def test_a_file_that_is_missing_is_noticed(path: Path, missing: int) -> None:
    written(path, 20)
    files = list(sealed(path).values())
    files[missing - 1 if missing > 0 else missing].unlink()
    with pytest.raises(LogBroken):
        list(read_log(path))


def test_a_line_taken_from_the_end_of_a_sealed_file_is_noticed(path: Path) -> None:
    written(path, 20)
    file = sealed(path)[2]
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(LogBroken):
        list(read_log(path))


# --- deleting


def test_what_is_older_than_it_is_kept_is_deleted_and_the_log_says_so(path: Path) -> None:
    written(path, 40, Bounds(400, keep=10 * DAY))
    first = min(sealed(path))
    assert first > 1
    kept = numbers(path)
    assert kept == list(range(kept[0], 40))
    assert kept[0] >= 40 - 16  # ten days, and the file that these begin in
    assert [entry for entry in read_log(path) if entry["do"] == "delete"]


def test_what_the_signer_did_not_delete_is_missed(path: Path) -> None:
    written(path, 40, Bounds(400, keep=10 * DAY))
    sealed(path)[min(sealed(path))].unlink()
    with pytest.raises(LogBroken, match="are missing"):
        list(read_log(path))


def test_what_may_still_be_asked_for_is_never_deleted(path: Path) -> None:
    """An intent may be signed for ten minutes: what was signed within an hour is known again after a restart."""
    written(path, 40, Bounds(400, keep=DAY), step=timedelta(minutes=1))
    assert numbers(path) == list(range(40))


def test_files_that_are_kept_elsewhere_keep_the_signer_from_nothing(path: Path) -> None:
    written(path, 20)
    for file in sealed(path).values():
        file.unlink()
    written(path, 1)
    with pytest.raises(LogBroken, match="are missing"):
        list(read_log(path))


# --- crashes


def killed_at(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """The process dies in the `number`-th call of a function of `os`."""
    real, calls = getattr(os, name), []

    def dying(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, dying)


@pytest.mark.parametrize("rename", [1, 2])
def test_killed_between_two_renamings_it_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch, rename: int) -> None:
    with monkeypatch.context() as dying:
        killed_at(dying, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            written(path, 20)
    before = len(numbers_there(path))
    written(path, 5)
    assert numbers(path) == [*range(before), *range(5)]


def numbers_there(path: Path) -> list[str]:
    """Lines of requests in whatever files there are."""
    files = [*sealed(path).values(), *([path] if path.exists() else [])]
    return [line for file in files for line in file.read_text().splitlines() if '"do":"sign"' in line]


def test_a_disk_that_takes_no_new_file_leaves_the_old_one_in_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    written(path, 3)
    with monkeypatch.context() as broken:
        broken.setattr("pki.signer_process.log._made", full)
        written(path, 6)
    assert sealed(path) == {}
    written(path, 3)
    assert len(sealed(path)) >= 1
    assert numbers(path) == [*range(3), *range(6), *range(3)]


def test_names_that_cannot_be_changed_leave_all_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, 3)
    with monkeypatch.context() as broken:
        real = os.rename

        def once(source: Path, target: Path) -> None:
            if str(source).endswith(".new"):
                raise OSError(5, "Input/output error")
            real(source, target)

        broken.setattr(os, "rename", once)
        written(path, 6)
    written(path, 1)
    assert numbers(path) == [*range(3), *range(6), 0]


def test_an_empty_file_after_a_sealed_one_gets_its_first_line(path: Path) -> None:
    written(path, 20)
    last = max(sealed(path))
    lines = len(path.read_text().splitlines())
    path.write_text("")
    written(path, 1)
    assert len(numbers(path)) == 20 - lines + 2
    assert max(sealed(path)) == last


# --- what outlives a file


def listed(ledger: Ledger, number: int, sha256: str) -> str:
    entry = {"do": "sign", "key": "stations", "scope": "0", "number": number, "sha256": sha256, "verdict": "signed",
             "at": (NOON + number * DAY).isoformat()}  # fmt: skip
    return str(ledger.admit([entry])[0]["verdict"])


def certified(ledger: Ledger, serial: str, sha256: str, at: datetime = NOON) -> str:
    entry = {"do": "sign", "key": "stations", "serial": serial, "sha256": sha256, "verdict": "signed",
             "at": at.isoformat()}  # fmt: skip
    return str(ledger.admit([entry])[0]["verdict"])


@pytest.mark.parametrize("keep", [None, 2 * DAY])
def test_the_number_of_a_list_is_never_forgotten(path: Path, keep: timedelta | None) -> None:
    """RFC 5280 §5.2.3, across files, restarts and deleted files."""
    bounds = Bounds(600, keep)
    ledger = Ledger(path, bounds)
    assert listed(ledger, 7, "aa") == "signed"
    for number in range(60):
        certified(ledger, f"{number:x}", f"{number:x}", NOON + number * DAY)
    ledger.close()
    again = Ledger(path, bounds)
    assert listed(again, 6, "bb") == "refused"
    assert listed(again, 7, "cc") == "refused"
    assert listed(again, 8, "dd") == "signed"
    again.close()
    assert (1 in sealed(path)) is (keep is None)


def test_a_serial_number_of_the_last_hour_is_known_after_a_restart(path: Path) -> None:
    ledger = Ledger(path, Bounds(600))
    for minute in range(30):
        certified(ledger, f"5e{minute:02x}", "aa", NOON + timedelta(minutes=minute))
    ledger.close()
    assert len(sealed(path)) > 3
    again = Ledger(path, Bounds(600))
    assert certified(again, "5e00", "bb") == "refused"
    assert certified(again, "5e00", "aa") == "signed"
    again.close()


def test_a_signer_reads_at_its_start_only_what_matters(path: Path) -> None:
    written(path, 40, step=timedelta(hours=1))
    heard: list[Any] = []
    SignerLog(path, heard.append, bounds=SMALL).close()
    assert 0 < len(heard) < 15


def test_two_processes_do_not_write_one_log_while_it_is_sealed(path: Path) -> None:
    log = SignerLog(path, bounds=SMALL)
    for number in range(10):
        log.append([{"do": "sign", "number": number, "at": NOON.isoformat()}])
        with pytest.raises(BlockingIOError):
            SignerLog(path)
    log.close()
