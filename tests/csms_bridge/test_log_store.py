"""Uploaded logs on the disk: whole or not there, under names of ours."""

import os

import pytest

from csms_bridge.log_store import LogStore, TooLarge, Upload

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def files(tmp_path):
    return LogStore(tmp_path / "logs", 10)


def test_a_log_is_there_when_it_is_whole(files):
    with files.receiving(7) as upload:
        upload.write(b"one,")
        assert files.names() == []
        upload.write(b"two")
        content = files.keep(7, upload)
    path = files.find(7, content.sha256)
    assert (content.size, path.read_bytes(), files.names()) == (7, b"one,two", [(7, content.sha256)])
    assert (path.stat().st_mode & 0o777, files.folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_an_upload_that_broke_off_leaves_nothing(files):
    with files.receiving(7) as upload:
        upload.write(b"one")
    assert list(files.folder.iterdir()) == []


def test_too_many_octets_are_refused_as_they_come(files):
    with files.receiving(7) as upload:
        upload.write(b"12345678")
        with pytest.raises(TooLarge):
            upload.write(b"901")
    assert list(files.folder.iterdir()) == []


def test_an_empty_log_is_a_log(files):
    with files.receiving(7) as upload:
        assert files.keep(7, upload).sha256 == EMPTY


def test_sweeps_what_a_dead_process_left(files):
    with files.receiving(1) as upload:
        files.keep(1, upload)
    old, young = (files.folder / f".part-{number}-ab" for number in (2, 3))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    files.sweep_parts()
    assert (old.exists(), young.exists(), files.names()) == (False, True, [(1, EMPTY)])


def test_what_is_not_here_is_not_found(files):
    assert files.find(1, EMPTY) is None
    assert files.names() == []
    files.forget(1, EMPTY)


def test_a_write_that_comes_after_the_end_hits_no_other_file(tmp_path):
    """The thread that writes goes on for a moment when an upload runs out of time."""
    upload = Upload(tmp_path / "one", 100)
    upload.close()
    with (tmp_path / "other").open("wb"), pytest.raises(ValueError, match="closed"):  # gets the number that is free now
        upload.write(b"late")
    assert (tmp_path / "other").read_bytes() == b""
