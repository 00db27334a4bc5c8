"""Logs that stations are asked for (N01): one upload each, and the plain truth about what came of it."""

import hashlib
import os
from datetime import timedelta

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Answer, LogKind, Outcome
from csms_bridge.errors import (
    CommandRefused,
    LogElsewhere,
    LogNotThere,
    UnknownLog,
    UnknownStation,
    UploadDiffers,
    UploadOver,
)
from csms_bridge.events import LogStatusTold
from csms_bridge.log_errand import LogErrand
from csms_bridge.log_fetches import Expected, LogFetches, LogState, Wanted
from csms_bridge.log_store import Content, LogStore
from csms_bridge.station import OcppVersion
from tests.csms_bridge.room import NOON
from tests.csms_bridge.test_password_rotations import Station, answer, everything

SECURITY = Wanted(LogKind.SECURITY)
ACCEPT = Answer(Outcome.ACCEPTED, "Accepted", {"filename": "../../etc/passwd"})
QUEUED, SENT, ACCEPTED, UPLOADING, RECEIVED, MISSING, REPLACED, EXPIRED, FAILED = LogState


def fetches(room, tmp_path, address="https://csms.example/", node="this-node"):
    return LogFetches(
        room.store, room.trail, room.orders, LogStore(tmp_path / "logs", 1000), room.clock,
        address=address, node=node, good_for=timedelta(hours=2), kept=timedelta(days=90),
    )  # fmt: skip


@pytest.fixture
def logs(room, tmp_path):
    room.add()
    room.connect()
    return fetches(room, tmp_path)


async def carry_out(room, logs, station):
    """Send what waits; the tokens of the addresses that the station was told."""
    for order in room.orders.claim({"CS-1"}):
        await LogErrand(logs, room.orders).carry_out(order, station)
    return [one.url.text().rpartition("/")[2] for one in station.asked]


def upload(logs, token, content=b"line\n"):
    log = logs.expect(token).log
    with logs.files.receiving(log) as taken:
        taken.write(content)
        kept = logs.files.keep(log, taken)
    return logs.received(log, kept)


def state(logs, log=1):
    found = logs.log("CS-1", log)
    return found.state, found.reason


async def test_a_log_comes_in_and_is_kept_with_its_digest(room, logs):
    asked = logs.ask("CS-1", Wanted(LogKind.SECURITY, NOON - timedelta(days=1), NOON), "user:anna")
    assert (asked.state, asked.asked_by) == (SENT, "user:anna")
    station = Station(ACCEPT)
    (token,) = await carry_out(room, logs, station)
    sent = station.asked[0]
    assert (sent.log, sent.oldest, sent.latest) == (LogKind.SECURITY, NOON - timedelta(days=1), NOON)
    assert sent.url.text() == f"https://csms.example/logs/{token}"
    assert state(logs) == (ACCEPTED, "")
    logs.told("CS-1", LogStatusTold("Uploading", sent.request_id))
    assert state(logs) == (UPLOADING, "")
    assert upload(logs, token)
    log = logs.log("CS-1", 1)
    assert (log.state, log.size, log.filename, log.node) == (RECEIVED, 5, "../../etc/passwd", "this-node")
    assert logs.content("CS-1", 1, "user:anna").read_bytes() == b"line\n"
    assert logs.content("CS-1", 1, "user:anna").name == f"1-{log.sha256}"
    assert room.acts()[-2:] == ["station:log-read", "station:log-read"]
    assert "station:log-received" in room.acts()


async def test_the_address_is_a_secret_that_lies_nowhere(room, logs):
    logs.ask("CS-1", SECURITY, "user:anna")
    assert room.orders.order(1).payload == {}
    (token,) = await carry_out(room, logs, Station(ACCEPT))
    assert len(token) == 43
    assert token not in everything(room)


async def test_a_status_may_come_before_the_answer(room, logs):
    """station-quirks 22."""
    logs.ask("CS-1", SECURITY, "user:anna")

    class Hasty(Station):
        async def ask(self, command):
            logs.told("CS-1", LogStatusTold("Uploading", command.request_id))
            return await super().ask(command)

    await carry_out(room, logs, Hasty(ACCEPT))
    assert state(logs) == (UPLOADING, "")


async def test_uploaded_without_any_upload_is_said_plainly(room, logs):
    """station-quirks 25."""
    logs.ask("CS-1", SECURITY, "user:anna")
    station = Station(ACCEPT)
    (token,) = await carry_out(room, logs, station)
    logs.told("CS-1", LogStatusTold("Uploaded", station.asked[0].request_id))
    assert state(logs) == (MISSING, "the station says Uploaded, but nothing was uploaded here")
    upload(logs, token)
    assert state(logs) == (RECEIVED, "")


@pytest.mark.parametrize("status", ["UploadFailure", "PermissionDenied", "BadMessage", "NotSupportedOperation"])
async def test_a_failed_upload_fails(room, logs, status):
    logs.ask("CS-1", SECURITY, "user:anna")
    await carry_out(room, logs, Station(ACCEPT))
    logs.told("CS-1", LogStatusTold(status, None, "disk full"))  # 1.6 may leave the id out
    assert state(logs) == (FAILED, f"the station says {status}: disk full")


async def test_a_rejected_request_fails(room, logs):
    """TC_N_34."""
    logs.ask("CS-1", SECURITY, "user:anna")
    await carry_out(room, logs, Station(answer(Outcome.REJECTED, "Rejected")))
    assert state(logs) == (FAILED, "the station answered Rejected")


async def test_a_second_request_replaces_the_first(room, logs):
    """TC_N_36: AcceptedCanceled; what comes to the first address then is refused."""
    logs.ask("CS-1", SECURITY, "user:anna")
    first = Station(ACCEPT)
    (old,) = await carry_out(room, logs, first)
    logs.told("CS-1", LogStatusTold("Uploading", first.asked[0].request_id))
    logs.ask("CS-1", SECURITY, "user:anna")
    instead = Answer(Outcome.ACCEPTED, "AcceptedCanceled", {"filename": "", "instead": "yes"})
    (new,) = await carry_out(room, logs, Station(instead))
    assert state(logs) == (REPLACED, "the station gave it up for a newer request")
    with pytest.raises(UploadOver):
        logs.expect(old)
    assert upload(logs, new)
    assert state(logs, 2) == (RECEIVED, "")


async def test_silence_is_not_failure(room, logs):
    logs.ask("CS-1", SECURITY, "user:anna")
    (token,) = await carry_out(room, logs, Station(None))
    assert upload(logs, token)
    assert state(logs) == (RECEIVED, "")


async def test_the_same_once_more_is_fine_and_anything_else_is_refused(room, logs):
    logs.ask("CS-1", SECURITY, "user:anna")
    (token,) = await carry_out(room, logs, Station(ACCEPT))
    assert upload(logs, token)
    assert not upload(logs, token)
    with pytest.raises(UploadDiffers):
        upload(logs, token, b"something else")
    assert logs.content("CS-1", 1, "user:anna").read_bytes() == b"line\n"


async def test_what_came_may_come_once_more_for_a_quarter_of_an_hour_only(room, logs):
    """Also while the address would still be good for a first upload."""
    logs.ask("CS-1", SECURITY, "user:anna")
    (token,) = await carry_out(room, logs, Station(ACCEPT))
    assert logs.expect(token) == Expected(1, None)
    upload(logs, token)
    room.clock.advance(minutes=15)
    assert logs.expect(token) == Expected(1, Content(5, hashlib.sha256(b"line\n").hexdigest()))
    room.clock.advance(seconds=1)
    with pytest.raises(UploadOver):
        logs.expect(token)


async def test_the_address_is_good_for_a_while(room, logs):
    logs.ask("CS-1", SECURITY, "user:anna")
    (token,) = await carry_out(room, logs, Station(ACCEPT))
    room.clock.advance(hours=3)
    with pytest.raises(UploadOver):
        logs.expect(token)
    assert state(logs)[0] is EXPIRED


@pytest.mark.parametrize("token", ["", "x" * 43, "\udc80", "../1", "\0"])
def test_nobody_else_may_upload(logs, token):
    with pytest.raises(UnknownLog):
        logs.expect(token)


async def test_16_without_the_extension_is_asked_for_diagnostics_its_own_way(room, logs):
    logs.ask("CS-1", Wanted(LogKind.DIAGNOSTICS), "user:anna")
    station = Station(
        answer(Outcome.NOT_SUPPORTED, "NotSupported"), Answer(Outcome.ACCEPTED, "", {"filename": "d.zip"})
    )
    tokens = await carry_out(room, logs, station)
    assert [type(one) for one in station.asked] == [c.FetchLog, c.FetchDiagnostics]
    assert tokens[0] == tokens[1]
    assert state(logs) == (ACCEPTED, "")


def test_one_that_is_away_is_asked_when_it_is_back(room, logs):
    room.sightings.disconnected("CS-1", room.clock.now)
    assert logs.ask("CS-1", SECURITY, "user:anna").state is QUEUED
    room.orders.wake("CS-1")
    assert [one.errand for one in room.orders.claim({"CS-1"})] == ["fetch-log"]


def test_what_cannot_be_asked_is_refused(room, logs, tmp_path):
    with pytest.raises(UnknownStation):
        logs.ask("CS-9", SECURITY, "user:anna")
    with pytest.raises(CommandRefused, match="no data collector"):
        logs.ask("CS-1", Wanted(LogKind.DATA_COLLECTOR), "user:anna")
    with pytest.raises(CommandRefused, match="younger than"):
        logs.ask("CS-1", Wanted(LogKind.SECURITY, NOON, NOON - timedelta(1)), "user:anna")
    room.add("CS-2", version=None)
    with pytest.raises(CommandRefused, match="never connected"):
        logs.ask("CS-2", SECURITY, "user:anna")


@pytest.mark.parametrize(
    ("version", "longest"), [(OcppVersion.V16, 512), (OcppVersion.V201, 512), (OcppVersion.V21, 2000)]
)
def test_an_address_that_no_station_can_take_is_refused(room, tmp_path, version, longest):
    room.add(version=version)
    fits = longest - len("/logs/") - 43
    address = "https://" + "a" * (fits - 8)
    assert fetches(room, tmp_path, address).ask("CS-1", SECURITY, "user:anna").id == 1
    with pytest.raises(CommandRefused, match="characters"):
        fetches(room, tmp_path, address + "a").ask("CS-1", SECURITY, "user:anna")


async def test_a_log_on_another_nodes_disk_is_told_so(room, logs, tmp_path):
    logs.ask("CS-1", SECURITY, "user:anna")
    with pytest.raises(LogNotThere):
        logs.content("CS-1", 1, "user:anna")
    (token,) = await carry_out(room, logs, Station(ACCEPT))
    upload(logs, token)
    with pytest.raises(LogElsewhere):
        fetches(room, tmp_path / "elsewhere", node="other").content("CS-1", 1, "user:anna")
    with pytest.raises(UnknownLog):
        logs.content("CS-2", 1, "user:anna")


async def test_old_logs_go_with_their_files(room, logs):
    for _ in range(2):
        logs.ask("CS-1", SECURITY, "user:anna")
        (token,) = await carry_out(room, logs, Station(ACCEPT))
        upload(logs, token)
        room.clock.advance(days=60)
    assert logs.prune() == 1
    for path in logs.files.folder.iterdir():
        os.utime(path, (0, 0))
    logs.sweep()
    assert [number for number, _ in logs.files.names()] == [2]


def test_a_status_about_nothing_changes_nothing(room, logs):
    logs.told("CS-1", LogStatusTold("Uploaded", 99))
    logs.told("CS-1", LogStatusTold("Idle", None))
    logs.ask("CS-1", SECURITY, "user:anna")
    logs.told("CS-1", LogStatusTold("Uploaded", None))  # it was not even asked yet
    assert state(logs) == (SENT, "")
