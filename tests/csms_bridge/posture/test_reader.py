import asyncio
import json

import pytest

from csms_bridge.dialects import DIALECTS
from csms_bridge.posture.book import Outcome, PostureBook
from csms_bridge.posture.clock_offset import ClockWatch
from csms_bridge.posture.device_model import DeviceModel
from csms_bridge.posture.reader import MOST_QUESTIONS, SettingsReader, Shelf
from csms_bridge.posture.reports import MOST_PARTS
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.station import OcppVersion
from tests.csms_bridge.posture.asked_station import AskedStation
from tests.csms_bridge.room import NOON

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
SECURED = {
    "SecurityProfile": "1", "CpoName": "Acme", "CertificateStoreMaxLength": "4", "HeartbeatInterval": "300",
}  # fmt: skip


@pytest.fixture
def shelf(room):
    room.add()
    book = PostureBook(room.store, room.trail, room.clock, "this-node")
    return Shelf(book, DeviceModel(room.store, room.clock, 5000, 1_000_000), ClockWatch())


def reader_of(station: AskedStation, shelf: Shelf, patience: float = 0.5) -> SettingsReader:
    reader = SettingsReader("CS-1", DIALECTS[station.version], station.ask, shelf, patience)
    station.tell = reader.report
    return reader


def told(shelf: Shelf) -> dict[str, str | None]:
    return {one.name: one.value for one in shelf.model.page("CS-1", "", None, 10_000)}


# --- 1.6


async def test_reads_the_keys_of_a_1_6_station_by_name_and_never_the_password(shelf):
    station = AskedStation(V16, {**SECURED, "AuthorizationKey": "00" * 16, "VendorKey": "x"})
    result = await reader_of(station, shelf).read(whole=False)
    assert (result.outcome, result.extension, result.revealed) == (Outcome.WHOLE, True, ())
    assert told(shelf)["CpoName"] == "Acme"
    assert "VendorKey" not in told(shelf)
    assert all(request.action == "GetConfiguration" for request in station.asked)
    assert "AuthorizationKey" not in json.dumps([request.payload for request in station.asked])


async def test_all_keys_may_bring_a_password_that_is_not_kept(shelf):
    station = AskedStation(V16, {**SECURED, "AuthorizationKey": "ab" * 16})
    result = await reader_of(station, shelf).read(whole=True)
    assert result.revealed == ("AuthorizationKey",)
    assert told(shelf)["AuthorizationKey"] is None


async def test_a_1_6_station_without_the_security_extension_is_found_out(shelf):
    """Reference §8.5.33, §7.8.15: no key known, and GetInstalledCertificateIds is not supported."""
    station = AskedStation(
        V16, {"HeartbeatInterval": "300"}, refuses=lambda request: request.action == "GetInstalledCertificateIds"
    )
    result = await reader_of(station, shelf).read(whole=False)
    assert (result.outcome, result.extension) == (Outcome.WHOLE, False)
    assert [request.action for request in station.asked].count("GetInstalledCertificateIds") == 1


async def test_a_station_that_hides_its_keys_and_lists_its_roots_has_the_extension(shelf):
    """As OCTT does, which knows no CpoName (reference §8.2.8)."""
    station = AskedStation(V16, {"HeartbeatInterval": "300"})
    station._payload = lambda request: (
        {"status": "NotFound"} if request.action == "GetInstalledCertificateIds" else station._keys(request.payload)
    )
    assert (await reader_of(station, shelf).read(whole=False)).extension is True


async def test_a_station_that_answers_no_such_questions_is_not_asked_each_of_them(shelf):
    station = AskedStation(V16, refuses=lambda _: True, refusal="NotImplemented")
    result = await reader_of(station, shelf).read(whole=True)
    assert result.outcome is Outcome.PART
    assert "NotImplemented" in result.words
    assert len(station.asked) == 1


# --- 2.x


async def test_reads_the_variables_of_a_2_x_station(shelf):
    station = AskedStation(V201, {"SecurityCtrlr.SecurityProfile": "1", "OCPPCommCtrlr.ActiveNetworkProfile": "1"})
    result = await reader_of(station, shelf).read(whole=False)
    assert (result.outcome, result.extension) == (Outcome.WHOLE, None)
    assert told(shelf)["SecurityCtrlr.SecurityProfile"] == "1"
    assert told(shelf)["SecurityCtrlr.OrganizationName"] is None
    assert {request.action for request in station.asked} == {"GetVariables"}


async def test_keeps_to_the_limits_that_the_station_tells(shelf):
    station = AskedStation(V201, {"DeviceDataCtrlr.ItemsPerMessage": "3", "DeviceDataCtrlr.BytesPerMessage": "9000"})
    await reader_of(station, shelf).read(whole=False)
    assert max(len(request.payload["getVariableData"]) for request in station.asked) == 3


async def test_halves_a_question_that_is_refused(shelf):
    """EVerest refuses what is too long with FormatViolation, and tells no limit."""
    station = AskedStation(
        V201, {"SecurityCtrlr.SecurityProfile": "1"}, refusal="FormatViolation",
        refuses=lambda request: len(json.dumps(request.payload)) > 600,
    )  # fmt: skip
    result = await reader_of(station, shelf).read(whole=False)
    assert result.outcome is Outcome.WHOLE
    assert told(shelf)["SecurityCtrlr.SecurityProfile"] == "1"


async def test_a_station_that_refuses_every_question_is_left_alone_soon(shelf):
    station = AskedStation(V21, refuses=lambda _: True, refusal="InternalError")
    result = await reader_of(station, shelf).read(whole=True)
    assert result.outcome is Outcome.PART
    assert len(station.asked) <= MOST_QUESTIONS


async def test_2_1_is_asked_for_each_slot_in_its_order(shelf):
    station = AskedStation(
        V21, {"OCPPCommCtrlr.NetworkConfigurationPriority": "2,1", "NetworkConfiguration[2].SecurityProfile": "3"}
    )
    await reader_of(station, shelf).read(whole=False)
    assert told(shelf)["NetworkConfiguration[2].SecurityProfile"] == "3"
    assert "NetworkConfiguration[3].SecurityProfile" not in told(shelf)
    asked = json.dumps([request.payload for request in station.asked])
    assert "BasicAuthPassword" not in asked


async def test_hears_what_time_the_station_has(shelf):
    station = AskedStation(V201, {"ClockCtrlr.DateTime": "2026-03-02T09:00:00Z"})
    await reader_of(station, shelf).read(whole=False)
    assert shelf.clocks.take_news()["CS-1"].offset.total_seconds() == -3 * 3600


async def test_silence_ends_the_reading_and_it_is_tried_again(shelf):
    station = AskedStation(V201, silent_after=1)
    assert (await reader_of(station, shelf).read(whole=False)).outcome is Outcome.FAILED


# --- reports


def parts(*numbers: int, last: int, names: str = "V") -> list[tuple[int, bool, dict[str, str]]]:
    return [(number, number != last, {f"C.{names}{number}": str(number)}) for number in numbers]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 0, 1, 2, 2)])
async def test_takes_in_a_report_however_its_parts_come(shelf, order):
    station = AskedStation(V201, parts=parts(*order, last=2))
    result = await reader_of(station, shelf).read(whole=True)
    assert (result.outcome, result.report) == (Outcome.WHOLE, "")
    assert {name: value for name, value in told(shelf).items() if name.startswith("C.")} == {
        "C.V0": "0", "C.V1": "1", "C.V2": "2",
    }  # fmt: skip


async def test_a_lost_part_is_told_and_the_rest_is_kept(shelf):
    station = AskedStation(V201, parts=parts(0, 2, last=2))
    result = await reader_of(station, shelf).read(whole=True)
    assert (result.outcome, result.report) == (Outcome.PART, "parts 2 of 3 never came")
    assert told(shelf)["C.V2"] == "2"


@pytest.mark.parametrize(("sent", "words"), [((), "the report never came"), ((0, 1), "stopped after part 2")])
async def test_a_report_that_stops_is_tried_again(shelf, sent, words):
    station = AskedStation(V201, parts=parts(*sent, last=9))
    result = await reader_of(station, shelf).read(whole=True)
    assert result.outcome is Outcome.FAILED
    assert words in result.words


async def test_an_endless_report_is_given_up(room, shelf):
    model = DeviceModel(room.store, room.clock, 2 * MOST_PARTS, 10**9)
    station = AskedStation(V201, parts=[(n, True, {"C.V": "x"}) for n in range(MOST_PARTS + 10)])
    reader = reader_of(station, Shelf(shelf.book, model, shelf.clocks), patience=30)
    result = await reader.read(whole=True)
    assert result.outcome is Outcome.PART
    assert "has no end" in result.words
    await station.sending


async def test_a_report_that_is_longer_than_what_is_kept_is_not_read_to_its_end(room, shelf):
    model = DeviceModel(room.store, room.clock, 50, 10**6)
    rows = {number: {f"C{number}.V{row}": "x" for row in range(100)} for number in range(20)}
    station = AskedStation(V201, parts=[(number, True, rows[number]) for number in range(20)])
    reader = reader_of(station, Shelf(shelf.book, model, shelf.clocks), patience=30)
    result = await reader.read(whole=True)
    assert (result.outcome, result.report) == (
        Outcome.PART, "the report is longer than what is kept of one station",
    )  # fmt: skip
    assert model.count("CS-1") == 50
    await station.sending


async def test_a_report_that_ends_with_the_line_does_not_hold_it_up(shelf):
    station = AskedStation(V201, parts=parts(0, last=9))
    reader = reader_of(station, shelf, patience=3600)
    reading = asyncio.ensure_future(reader.read(whole=True))
    await station.begun.wait()
    await station.sending
    reader.line_closed()
    async with asyncio.timeout(5):
        assert (await reading).outcome is Outcome.FAILED


async def test_several_reports_at_once_do_not_mix(shelf):
    """A person may have ordered one while ours comes in."""
    station = AskedStation(V201, parts=parts(0, 1, last=1))
    reader = reader_of(station, shelf)
    foreign = AskedStation(V201, parts=parts(0, 1, last=1, names="Foreign"))
    foreign.tell = reader.report
    reading, _ = await asyncio.gather(reader.read(whole=True), foreign._send(-1))
    assert (reading.outcome, reading.report) == (Outcome.WHOLE, "")
    assert told(shelf)["C.Foreign1"] == "1"


async def test_reports_that_nobody_asked_for_take_no_memory(shelf):
    station = AskedStation(V201)
    reader = reader_of(station, shelf)
    station.parts = parts(0, last=9)
    for number in range(50):
        await station._send(number)
    assert len(reader._incoming) <= 4


async def test_a_station_without_a_full_report_is_asked_for_the_smaller_one(shelf):
    station = AskedStation(
        V201, refuses=lambda request: request.payload.get("reportBase") == "FullInventory", parts=parts(0, last=0)
    )
    result = await reader_of(station, shelf).read(whole=True)
    assert (result.outcome, result.report) == (Outcome.WHOLE, "")
    assert station.asked[-1].payload["reportBase"] == "ConfigurationInventory"


async def test_a_station_that_gives_no_report_is_told_as_such(shelf):
    station = AskedStation(V201, refuses=lambda request: request.action == "GetBaseReport")
    result = await reader_of(station, shelf).read(whole=True)
    assert (result.outcome, result.report) == (Outcome.WHOLE, "the station gives none: NotSupported")


# --- from the beginning to the end


async def test_a_reading_is_written_down_from_its_beginning_to_its_end(shelf, room):
    station = AskedStation(V16, SECURED)
    assert await reader_of(station, shelf).carry_out(Due(NOON, Why.FIRST, whole=False))
    state = shelf.book.state("CS-1")
    assert (state.outcome, state.tries, state.why, state.extension) == (
        Outcome.WHOLE,
        0,
        "they had never been read",
        True,
    )
    assert state.ended_at == room.clock()


async def test_two_readings_of_one_station_do_not_run_at_once(shelf):
    station = AskedStation(V16, SECURED)
    reader = reader_of(station, shelf)
    due = Due(NOON, Why.ASKED, whole=False)
    assert sorted(await asyncio.gather(reader.carry_out(due), reader.carry_out(due))) == [False, True]
