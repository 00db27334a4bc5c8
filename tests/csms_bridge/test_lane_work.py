"""The work in a lane, against a station that answers as it is told: what is asked, in which order, and how often."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.events import CertificateAsked
from csms_bridge.lane_work import LaneWork
from csms_bridge.lanes import MOST_REQUESTS
from csms_bridge.standing import Lane, Standing
from csms_bridge.station import SecurityProfile
from tests.csms_bridge.room import SigningRoom
from tests.web.requests import request_pem

ACCEPTED = Answer(Outcome.ACCEPTED, "Accepted")
REJECTED = Answer(Outcome.REJECTED, "Rejected")
NOT_NOW = Answer(Outcome.REJECTED, "SecurityError: registration status is Pending")
SOON = timedelta(milliseconds=1)
NEVER = timedelta(hours=1)

Manner = Callable[[c.Command], Answer | None]


class Line:
    """A line whose station answers by `manner`; the line's work ends after so many commands."""

    station = "CS-1"

    def __init__(
        self, room: SigningRoom, manner: Manner, lane: Lane = Lane.RECOVERY, most: int = 8, interval: timedelta = NEVER
    ) -> None:
        self.asked: list[str] = []
        self.dropped: list[str] = []
        self.boots: Callable[[], Awaitable[None]] | None = None
        self._manner = manner
        self._most = most
        self.work = LaneWork(self, lane, room.sightings.lanes, room.enrolment, room.walk_acts, interval)

    async def ask(self, command: c.Command) -> Answer | None:
        self.asked.append(type(command).__name__)
        if len(self.asked) >= self._most:
            self.work.end()
        answer = self._manner(command)
        if isinstance(command, c.Trigger) and answer is ACCEPTED:
            self.work.booted(await self.work.boot_status())
        return answer

    async def drop(self, reason: str) -> None:
        self.dropped.append(reason)
        self.work.end()

    async def run(self) -> None:
        await asyncio.wait_for(self.work.run(SOON), 10)


def answering(**answers: Answer | None) -> Manner:
    return lambda command: answers.get(type(command).__name__, ACCEPTED)


def registered(room: SigningRoom) -> None:
    room.add(serial="SN-1", profile=SecurityProfile.MUTUAL_TLS)


def requested(room: SigningRoom) -> str:
    """A certificate that the station asked for and was not brought; its serial number."""
    csr = request_pem("SN-1")
    asked = CertificateAsked(csr, None)
    assert room.enrolment.ask("CS-1", asked, SecurityProfile.MUTUAL_TLS).accepted
    (delivery,) = room.enrolment.sign_waiting("CS-1")
    serial: str = delivery.serial
    return serial


async def test_a_certificate_request_is_asked_for_at_once(signing_room):
    registered(signing_room)
    line = Line(signing_room, answering(), most=1)
    await line.run()
    assert line.asked == ["TriggerCertificateRequest"]


async def test_a_station_fresh_from_the_factory_hears_first_who_its_operator_is(signing_room):
    """A02.FR.13."""
    registered(signing_room)
    line = Line(signing_room, answering(), Lane.BOOTSTRAP, most=2)
    await line.run()
    assert line.asked == ["NameOperator", "TriggerCertificateRequest"]


async def test_a_station_that_refuses_while_pending_is_told_accepted(signing_room):
    registered(signing_room)
    told: list[Standing] = []

    def manner(command: c.Command) -> Answer | None:
        return NOT_NOW if isinstance(command, c.TriggerCertificateRequest) and not told else ACCEPTED

    line = Line(signing_room, manner, most=3)
    real = line.work.booted
    line.work.booted = lambda status: (told.append(status), real(status))[1]
    await line.run()
    assert line.asked == ["TriggerCertificateRequest", "Trigger", "TriggerCertificateRequest"]
    assert told == [Standing.ACCEPTED]
    assert signing_room.sightings.lanes.works_when_accepted("CS-1")


async def test_the_refused_answer_to_a_request_says_the_same(signing_room):
    """EVerest answers our answer with SecurityError."""
    registered(signing_room)
    line = Line(signing_room, answering())
    await line.work.answer_refused("SignCertificate", "SecurityError: Pending")
    await line.work.answer_refused("SignCertificate", "SecurityError: Pending")
    assert line.asked == ["Trigger"]
    assert await line.work.boot_status() is Standing.ACCEPTED


async def test_who_was_found_to_work_only_when_accepted_is_told_so_first(signing_room):
    registered(signing_room)
    signing_room.sightings.lanes.remember_works_when_accepted("CS-1", "SecurityError")
    line = Line(signing_room, answering(), most=2)
    await line.run()
    assert line.asked == ["Trigger", "TriggerCertificateRequest"]


async def test_what_was_issued_already_is_brought_before_more_is_asked_for(signing_room):
    registered(signing_room)
    serial = requested(signing_room)
    line = Line(signing_room, answering(), most=1)
    await line.run()
    assert line.asked == ["DeliverCertificate"]
    assert signing_room.enrolment.unproved("CS-1").serial == serial  # accepted, and not seen in use


async def test_a_certificate_that_is_turned_down_for_the_standing_is_kept_for_later(signing_room):
    registered(signing_room)
    requested(signing_room)
    line = Line(signing_room, answering(DeliverCertificate=NOT_NOW), most=3)
    await line.run()
    assert line.asked == ["DeliverCertificate", "Trigger", "DeliverCertificate"]
    assert signing_room.enrolment.unproved("CS-1") is not None
    assert "station:certificate-rejected" not in signing_room.acts()
    assert "station:renewal-hindered" in signing_room.acts()


async def test_a_chain_that_is_rejected_is_tried_with_its_root_and_then_given_up(signing_room):
    registered(signing_room)
    requested(signing_room)
    line = Line(signing_room, answering(DeliverCertificate=REJECTED), most=2)
    await line.run()
    assert line.asked == ["DeliverCertificate", "DeliverCertificate"]
    assert signing_room.enrolment.unproved("CS-1") is None


async def test_a_lost_answer_means_nothing(signing_room):
    registered(signing_room)
    requested(signing_room)
    line = Line(signing_room, answering(DeliverCertificate=None), most=1)
    await line.run()
    assert signing_room.enrolment.unproved("CS-1") is not None


async def test_a_station_that_names_no_country_is_given_one(signing_room):
    """EVerest makes no request without."""
    registered(signing_room)
    triggers = iter([REJECTED, ACCEPTED])
    line = Line(
        signing_room,
        lambda command: next(triggers) if isinstance(command, c.TriggerCertificateRequest) else ACCEPTED,
        most=3,
    )
    await line.run()
    assert line.asked == ["TriggerCertificateRequest", "NameOperator", "TriggerCertificateRequest"]


async def test_a_station_that_knows_no_trigger_stands_in_the_trail_with_its_words(signing_room):
    registered(signing_room)
    unknown = Answer(Outcome.NOT_SUPPORTED, "NotImplemented")
    line = Line(signing_room, answering(TriggerCertificateRequest=unknown), most=1)
    await line.run()
    assert signing_room.records()[-1].reason == "asked for a certificate request, it answered NotImplemented"


async def test_after_too_many_requests_nothing_more_is_asked_for(signing_room):
    registered(signing_room)
    nonsense = CertificateAsked("no request", None)
    for _ in range(MOST_REQUESTS):
        signing_room.enrolment.ask("CS-1", nonsense, SecurityProfile.MUTUAL_TLS)
    line = Line(signing_room, answering(), interval=SOON)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.work.run(SOON), 0.5)
    assert line.asked == []
    assert signing_room.acts().count("station:renewal-hindered") == 1


async def test_a_station_that_keeps_its_old_line_after_all_is_made_to_come_back(signing_room):
    """Stations come back with a new certificate by themselves (A02); some do not."""
    registered(signing_room)
    requested(signing_room)
    line = Line(signing_room, answering(), interval=SOON)
    await line.run()
    assert line.asked == ["DeliverCertificate"]
    assert line.dropped == ["it accepted its new certificate and did not come back with it by itself"]
