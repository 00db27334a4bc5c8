"""Firmware updates of one station, from the request to the proof (L01, L02)."""

from datetime import timedelta

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import FirmwareNotNow, UnknownStation, UnknownUpdate
from csms_bridge.events import Booted, FirmwareStatus, FirmwareStatusTold
from csms_bridge.firmware.asking import NewUpdate
from csms_bridge.firmware.guards import check_address
from csms_bridge.firmware.states import Cause, UpdateState
from csms_bridge.hash_data import hash_data, named
from csms_bridge.migration.door import Migrations
from csms_bridge.migration.preparing import Preparing
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.registry import Place
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.tables import StationRow
from pki.alarms import Alarms
from pki.errors import UnknownFirmware
from pki.keys import SignatureScheme
from pki.revocation import RevocationReason
from tests.csms_bridge.firmware.conftest import ACCEPTED, URL, Works
from tests.csms_bridge.test_password_rotations import Station as Line
from tests.csms_bridge.test_password_rotations import everything

S = UpdateState
GOOD = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
CANCELED = Answer(Outcome.ACCEPTED, "AcceptedCanceled", {"instead": "yes"})
REJECTED = Answer(Outcome.REJECTED, "Rejected")


def wanted(works, **more):
    return NewUpdate(more.pop("firmware", None) or works.sign().id, location=URL, **more)


async def begun(works, line=None, **more):
    """An update whose root is installed and whose request was answered."""
    works.updates.ask("CS-1", wanted(works, **more), "user:anna")
    await works.carry_out(line or Line(ACCEPTED))
    works.passes(seconds=1)
    await works.carry_out(line or Line(ACCEPTED))
    return works.last()


async def test_the_whole_way_on_16(works):
    """TC_080: the root first, then the request, then the statuses, then the version, then the wait."""
    made = works.updates.ask("CS-1", wanted(works), "user:anna")
    assert (made.state, made.progress.reason) == (S.QUEUED, "its manufacturer root is being installed first")
    assert await works.carry_out(Line()) == []  # the root goes by the door to roots, as a plain command
    works.passes(seconds=1)
    (request,) = await works.carry_out(Line(ACCEPTED))
    assert isinstance(request, c.UpdateFirmware)
    assert request.url.text() == URL
    assert (request.signature, request.request_id) == (works.sign().signature, works.last().progress.request_id)
    assert works.last().state is S.ACCEPTED
    works.tell(*GOOD)
    works.boot()
    works.passes(seconds=1)
    assert works.last().state is S.CONFIRMING
    works.tell("Installed")
    works.passes(minutes=16)
    done = works.last()
    assert (done.state, done.progress.seen, done.progress.verified) == (S.DONE, "2.0.0", True)
    acts = works.room.acts()
    assert acts.count("station:firmware-ordered") == 1
    assert acts.count("station:firmware-ended") == 1
    assert acts.count("station:firmware-moved") == 8


async def test_a_root_that_the_station_lists_is_not_installed_again(works):
    works.sign()
    forms = works.room.roots.forms_of("authority:manufacturer")
    with works.room.store.writing() as session:
        works.room.roots.install_in(session, "CS-1", CertificateKind.MANUFACTURER, forms, "user:anna", "")
    (order,) = works.room.orders.claim({"CS-1"})
    works.room.orders.finish(order, {"status": "Accepted"})
    works.room.roots.list_now("CS-1", [CertificateKind.MANUFACTURER], "user:anna")
    (order,) = works.room.orders.claim({"CS-1"})
    works.room.orders.finish(order, listing(forms[0].der))
    works.updates.ask("CS-1", wanted(works), "user:anna")
    (request,) = await works.carry_out(Line(ACCEPTED))
    assert isinstance(request, c.UpdateFirmware)


def listing(der):

    data = hash_data(named(der))
    return {
        "status": "Accepted",
        "certificateHashData": [
            {
                "hashAlgorithm": data.algorithm,
                "issuerNameHash": data.issuer_name_hash,
                "issuerKeyHash": data.issuer_key_hash,
                "serialNumber": data.serial_number,
            }
        ],
    }


async def test_the_signature_is_the_one_that_the_stations_kind_checks(works):
    """station-quirks 10: never by the key alone."""
    works.quirks.of_station = lambda _: Quirks(firmware_schemes=(SignatureScheme.RSA_PKCS1V15_SHA256,))
    ecdsa = works.sign()
    with pytest.raises(FirmwareNotNow, match="such stations check rsa-pkcs1v15-sha256") as refused:
        works.updates.ask("CS-1", wanted(works, firmware=ecdsa.id), "user:anna")
    assert "--scheme rsa-pkcs1v15-sha256" in refused.value.hint
    rsa = works.sign(scheme=SignatureScheme.RSA_PKCS1V15_SHA256)
    assert works.updates.ask("CS-1", wanted(works, firmware=ecdsa.id), "user:anna").firmware == rsa.id


async def test_nothing_is_sent_while_somebody_charges(works):
    works.updates.ask("CS-1", wanted(works), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    assert await works.carry_out(Line(charging=True)) == []
    assert works.last().state is S.QUEUED
    works.room.orders.wake("CS-1")
    assert len(await works.carry_out(Line(ACCEPTED))) == 1


def preparing(works, campaign="firmware-7"):
    """The station is to come back as 2.0.1, and its maker's key for the address is being written first."""
    room = works.room
    row = {"name": "acme-url", "vendor": "Acme", "source": "a test", "quirks": {"url_key": "AcmeUrl"}}
    works.quirks.put([row], "user:anna")
    with room.store.writing() as session:
        session.get_one(StationRow, "CS-1").profile = 2
    rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
    before = Preparing(room.trail, room.orders, works.quirks, lambda: "wss://csms.example/ocpp")
    alarms = Alarms(room.store, room.trail, room.clock)
    door = Migrations(room.store, room.trail, alarms, rotations, before, room.orders, room.clock)
    with room.store.writing() as session:
        door.expect_in(session, "CS-1", OcppVersion.V201, timedelta(hours=1), "user:anna", campaign=campaign)
    return door


async def answers_the_key(works, door, status):
    """The update waits meanwhile, whenever it is its turn."""
    for order in works.room.orders.claim({"CS-1"}):
        if order.errand:
            line = Line(ACCEPTED)
            await works.errands[order.errand].carry_out(order, line)
            assert line.asked == []
        else:
            assert order.payload["key"] == "AcmeUrl"
            works.room.orders.finish(order, {"status": status})
    door.round()


@pytest.mark.parametrize(("status", "sent"), [("Accepted", 1), ("Rejected", 0)])
async def test_a_firmware_waits_until_its_station_is_prepared_for_another_version(works, status, sent):
    """And is not sent at all to one that refused: its new firmware would dial nobody."""
    works.updates.ask("CS-1", wanted(works, campaign="firmware-7"), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    door = preparing(works)
    await answers_the_key(works, door, status)
    works.passes(seconds=1)
    assert len(await works.carry_out(Line(ACCEPTED))) == sent
    end = works.last()
    if not sent:
        assert (end.state, end.progress.cause) == (S.FAILED, Cause.NOT_SENT)
        assert "it was not prepared for OCPP 2.0.1: it did not take AcmeUrl" in end.progress.reason


async def test_a_signature_whose_certificate_was_revoked_meanwhile_is_not_sent(works):
    signed = works.sign()
    works.updates.ask("CS-1", wanted(works, firmware=signed.id), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    works.room.authority.revoke(signed.signing_serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    assert await works.carry_out(Line()) == []
    end = works.last()
    assert (end.state, end.progress.cause) == (S.FAILED, Cause.NOT_SENT)
    assert "revoked, not signed" in end.progress.reason


async def test_a_lost_answer_is_unknown_and_the_version_decides(works):
    await begun(works, Line(None))
    assert works.last().state is S.ASKED
    works.boot()
    works.passes(seconds=1)
    works.passes(minutes=16)
    assert works.last().state is S.DONE


async def test_a_process_that_died_before_it_sent_anything_is_followed_by_another(works):
    works.updates.ask("CS-1", wanted(works), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    (lost,) = works.room.orders.claim({"CS-1"})  # and then the power went
    works.open()
    works.passes(seconds=30)
    assert works.room.orders.claim({"CS-1"}) == []
    works.passes(seconds=31)
    assert len(await works.carry_out(Line(ACCEPTED))) == 1
    assert works.last().state is S.ACCEPTED
    assert not works.updates.sent(lost)  # should it live after all, it asks nobody


async def test_a_new_process_goes_on_where_the_old_one_was(works):
    await begun(works)
    works.tell(*GOOD)
    works.open()
    works.boot()
    works.passes(seconds=1)
    works.passes(minutes=16)
    assert works.last().state is S.DONE


async def test_one_update_at_a_time_unless_the_other_is_given_up(works):
    """TC_L_10."""
    await begun(works)
    works.tell("Downloading")
    newer = works.sign("2.1.0", b"another image")
    with pytest.raises(FirmwareNotNow, match="update 1 of it is under way"):
        works.updates.ask("CS-1", wanted(works, firmware=newer.id), "user:anna")
    works.updates.ask("CS-1", wanted(works, firmware=newer.id, instead=True), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    await works.carry_out(Line(CANCELED))
    assert works.updates.update("CS-1", 1).state is S.REPLACED
    assert works.last().state is S.ACCEPTED
    works.tell("DownloadFailed", number=works.updates.update("CS-1", 1).progress.request_id)
    assert works.last().state is S.ACCEPTED


async def test_a_second_request_that_is_refused_fails_and_the_first_goes_on(works):
    """TC_L_11."""
    await begun(works)
    works.tell("Downloading")
    newer = works.sign("2.1.0", b"another image")
    works.updates.ask("CS-1", wanted(works, firmware=newer.id, instead=True), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    await works.carry_out(Line(REJECTED))
    assert (works.last().state, works.last().progress.cause) == (S.FAILED, Cause.REFUSED)
    assert works.updates.update("CS-1", 1).state is S.DOWNLOADING


async def test_giving_up_sends_a_second_request_for_nothing(works):
    """L01.FR.24: there is no other way."""
    await begun(works)
    works.tell("Downloading")
    assert works.updates.cancel("CS-1", 1, "wrong image", "user:anna").progress.cancelling
    (request,) = await works.carry_out(Line(CANCELED))
    assert request.url.text() == "https://csms.example/firmware/none/none.bin"
    assert request.request_id != works.last().progress.request_id
    assert (works.last().state, works.last().progress.reason) == (S.CANCELLED, "cancelled")


async def test_a_station_that_does_not_give_it_up_goes_on(works):
    await begun(works)
    works.updates.cancel("CS-1", 1, "wrong image", "user:anna")
    await works.carry_out(Line(REJECTED))
    assert (works.last().state, works.last().progress.cancelling) == (S.ACCEPTED, False)
    assert works.last().progress.reason == "the station does not give it up: Rejected"


async def test_what_was_not_sent_is_simply_withdrawn(works):
    works.updates.ask("CS-1", wanted(works), "user:anna")
    assert works.updates.cancel("CS-1", 1, "wrong", "user:anna").state is S.CANCELLED
    await works.carry_out(Line())
    works.passes(seconds=1)
    assert await works.carry_out(Line()) == []
    with pytest.raises(FirmwareNotNow, match="is cancelled"):
        works.updates.cancel("CS-1", 1, "again", "user:anna")


async def test_unsigned_images_are_refused_by_policy(works):
    with pytest.raises(FirmwareNotNow, match="only signed firmware"):
        works.updates.ask("CS-1", NewUpdate(version="2.0.0", location=URL), "user:anna")


async def test_unsigned_images_go_as_the_plain_message_where_the_policy_allows_it(signing_room):
    """L02; statuses of 1.6 name no request."""
    works = Works(signing_room, BridgeSettings(firmware_signed_only=False))
    works.station()
    works.updates.ask("CS-1", NewUpdate(version="2.0.0", location=URL), "user:anna")
    (request,) = await works.carry_out(Line(ACCEPTED))
    assert (request.signature, request.certificate) == (None, None)
    works.updates.told("CS-1", FirmwareStatusTold(FirmwareStatus.DOWNLOADING, None))
    assert works.last().state is S.DOWNLOADING


def test_the_version_that_it_runs_is_not_installed_again(works):
    works.boot(firmware="V2.0")
    with pytest.raises(FirmwareNotNow, match=r"runs V2\.0 already"):
        works.updates.ask("CS-1", wanted(works), "user:anna")
    assert works.updates.ask("CS-1", wanted(works, again=True), "user:anna").state is S.QUEUED


def test_an_older_version_is_refused(works):
    works.boot(firmware="3.0.0")
    with pytest.raises(FirmwareNotNow, match=r"2\.0\.0 is older than 3\.0\.0"):
        works.updates.ask("CS-1", wanted(works), "user:anna")


def test_release_counters_decide_before_versions(works):
    works.sign("1.9", b"one", release_counter=12)
    low = works.sign("2.0", b"two", release_counter=11)
    works.boot(firmware="1.9")
    with pytest.raises(FirmwareNotNow, match="its release counter is 11, and the station runs one of 12"):
        works.updates.ask("CS-1", wanted(works, firmware=low.id), "user:anna")


def test_hardware_must_be_known_and_match(works):
    signed = works.sign(hardware=("rev-C",))
    with pytest.raises(FirmwareNotNow, match="nobody has said what the station is"):
        works.updates.ask("CS-1", wanted(works, firmware=signed.id), "user:anna")
    works.room.registry.place([Place("CS-1", tags=("hw:rev-B",))], "user:anna", "")
    with pytest.raises(FirmwareNotNow, match="for rev-C, and the station is rev-B"):
        works.updates.ask("CS-1", wanted(works, firmware=signed.id), "user:anna")
    works.room.registry.place([Place("CS-1", tags=("hw:REV-c",))], "user:anna", "")
    assert works.updates.ask("CS-1", wanted(works, firmware=signed.id), "user:anna").state is S.QUEUED


def test_another_model_is_refused(works):
    works.room.sightings.booted("CS-1", Booted("Acme", "Other", "1.0", (), ""))
    with pytest.raises(FirmwareNotNow, match="is for Acme Wallbox, and the station is a Acme Other"):
        works.updates.ask("CS-1", wanted(works), "user:anna")


def test_a_protocol_that_the_station_does_not_know_is_refused():
    with pytest.raises(FirmwareNotNow, match="by ftp, sftp, and not by https"):
        check_address(URL, OcppVersion.V16, {"ftp", "sftp"})
    check_address("ftp://files.example/x", OcppVersion.V16, {"ftp"})
    with pytest.raises(FirmwareNotNow, match=r"OCPP 2\.0\.1 has room for 512"):
        check_address("https://x/" + "a" * 600, OcppVersion.V201, ())


def test_a_password_in_the_address_lies_nowhere_in_clear(works):
    secret = "ftp://files:hunter2@files.example/image.bin"
    made = works.updates.ask("CS-1", NewUpdate(works.sign().id, location=secret), "user:anna")
    assert made.location == "ftp://•••@files.example/image.bin"
    assert "hunter2" not in everything(works.room)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"location": "gopher://x/y"}, "location"),
        ({"location": "https:///y"}, "location"),
        ({"location": URL, "retries": 101}, "retries"),
        ({"location": ""}, "no-image"),
    ],
)
def test_what_makes_no_sense_is_refused(works, changes, code):
    with pytest.raises(FirmwareNotNow) as refused:
        works.updates.ask("CS-1", NewUpdate(works.sign().id, **changes), "user:anna")
    assert refused.value.code == code


def test_what_is_not_there_is_said(works):
    with pytest.raises(UnknownStation):
        works.updates.ask("CS-9", wanted(works), "user:anna")
    with pytest.raises(UnknownFirmware):
        works.updates.ask("CS-1", NewUpdate("nothing", location=URL), "user:anna")
    with pytest.raises(UnknownUpdate):
        works.updates.update("CS-1", 9)


async def test_a_failure_without_proof_is_set_right_by_the_version(works):
    await begun(works)
    works.tell(*GOOD)
    works.passes(hours=7)
    assert works.last().progress.cause is Cause.LATE
    works.boot()
    works.passes(seconds=1)
    assert works.last().state is S.CONFIRMING
    assert works.passes(minutes=16) == 1
    assert works.last().state is S.DONE


async def test_what_a_certificate_signed_is_found(works):
    await begun(works)
    works.tell(*GOOD)
    works.boot()
    works.passes(seconds=1)
    works.passes(minutes=16)
    (found,) = works.updates.page(signing_serial=works.sign().signing_serial, state=S.DONE)
    assert found.station == "CS-1"
    assert works.updates.page(signing_serial="ff") == []
    assert timedelta(0) <= found.ended_at - found.created_at
