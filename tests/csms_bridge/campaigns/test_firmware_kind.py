"""Campaigns of firmware: canaries first, stopped by the first sign that the image is wrong (issue 6, part 5 and 6)."""

import pytest

from csms_bridge.campaigns.door import Campaigns, NewCampaign
from csms_bridge.campaigns.kinds.firmware import Doors, FirmwareKind
from csms_bridge.campaigns.kinds.kind import Work
from csms_bridge.campaigns.words import AbortMode, CampaignState, Goal, Kind, Pace, Selection, Size, TargetState
from csms_bridge.errors import CampaignRefused
from csms_bridge.events import Booted
from csms_bridge.firmware.session_errors import Errors, worse
from csms_bridge.migration.door import Migrations
from csms_bridge.migration.preparing import Preparing
from csms_bridge.migration.states import MigrationState
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.station import OcppVersion
from csms_bridge.tables import MessageRow, StationRow
from pki.alarms import Alarms
from pki.keys import SignatureScheme
from pki.revocation import RevocationReason
from tests.csms_bridge.firmware.conftest import ACCEPTED, IMAGE, URL, Works
from tests.csms_bridge.room import NOON
from tests.csms_bridge.test_password_rotations import Station as Line

ANNA = "user:anna"
PACE = Pace(waves=(Size(1),), growth=3, errors=100, success=0, site_share=100)
GOOD = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")


class Rollout:
    """A campaign of firmware over a few stations, all connected."""

    def __init__(self, works, stations=("CS-1", "CS-2", "CS-3", "CS-4")):
        self.works = works
        room = works.room
        for name in stations:
            works.station(name)
        made = works.made
        self.alarms = Alarms(room.store, room.trail, room.clock)
        rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
        before = Preparing(room.trail, room.orders, works.quirks, lambda: "wss://csms.example/ocpp")
        self.migrations = Migrations(
            room.store, room.trail, self.alarms, rotations, before, room.orders, room.clock
        )  # fmt: skip
        doors = Doors(
            made.updates, made.asking, made.releases, made.images, migrations=self.migrations, orders=room.orders,
            odd=works.quirks.in_session, clock=room.clock, return_within=works.settings.firmware_return_within,
        )  # fmt: skip
        self.kind = FirmwareKind(doors)
        blocking = lambda goal, models: self.kind.unfit_models(goal, models)  # noqa: E731
        self.campaigns = Campaigns(
            room.store, room.trail, self.alarms, {Kind.FIRMWARE: self.kind}, room.clock, blocking
        )
        self.release = works.sign()

    def goal(self, **more):
        return Goal(Kind.FIRMWARE, release=self.release.id, location=URL, **more)

    def new(self, goal=None, pace=PACE):
        return NewCampaign("2.0.0 for all", goal or self.goal(), Selection(everything=True), pace)

    def begin(self, pace=PACE, goal=None):
        self.id = self.campaigns.create(self.new(goal, pace), ANNA).campaign.id
        self.campaigns.start(self.id, ANNA)
        self.round()
        return self.id

    def round(self, **span):
        self.works.passes(**(span or {"seconds": 2}))
        self.campaigns.round()

    async def station_takes(self, name, *statuses, version="2.0.0"):
        """The root, the request, the statuses, and the version."""
        await self.works.carry_out(Line(), name)
        self.round()
        await self.works.carry_out(Line(ACCEPTED), name)
        self.works.tell(*statuses, name=name)
        if version:
            self.works.boot(name, version)
        self.round()
        if version:
            self.round(minutes=16)

    def view(self):
        return self.campaigns.campaign(self.id).campaign

    def states(self):
        return {one.station: one.state for one in self.campaigns.targets(self.id)}

    def running(self):
        return sorted(station for station, state in self.states().items() if state is TargetState.RUNNING)


@pytest.fixture
def rollout(signing_room):
    return Rollout(Works(signing_room))


async def test_the_canary_first_and_then_the_rest(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.station_takes(canary, *GOOD)
    rollout.round()
    rest = rollout.running()
    assert len(rest) == 3
    for name in rest:
        await rollout.station_takes(name, *GOOD)
    rollout.round()
    assert set(rollout.states().values()) == {TargetState.DONE}
    assert rollout.view().state is CampaignState.DONE
    updates = rollout.works.updates.page(firmware=rollout.release.id)
    assert {one.campaign for one in updates} == {rollout.id}


@pytest.mark.parametrize(
    ("status", "words"),
    [("InvalidSignature", "invalid-signature"), ("InstallVerificationFailed", "install-verification-failed")],
)
async def test_it_stops_at_the_first_that_says_the_image_is_wrong(rollout, status, words):
    """Whatever the pace would bear: here every error."""
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.station_takes(canary, "Downloading", "Downloaded", status, version=None)
    rollout.round()
    view = rollout.view()
    assert (view.state, view.reason) == (CampaignState.PAUSED, f"{canary}: {words}")
    assert rollout.running() == []
    rollout.campaigns.resume(rollout.id, ANNA, "looked at")
    rollout.round()
    assert rollout.view().state is CampaignState.RUNNING
    assert len(rollout.running()) > 0


async def test_a_download_that_failed_counts_as_an_error_and_no_more(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.station_takes(canary, "Downloading", "DownloadFailed", version=None)
    rollout.round(minutes=5)
    assert rollout.view().state is CampaignState.RUNNING


async def test_it_stops_when_one_does_not_come_back(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.station_takes(canary, *GOOD, version=None)
    room = rollout.works.room
    connected = room.registry.posture(canary).station
    room.sightings.disconnected(canary, _connected_at(room, canary))
    assert connected.online
    rollout.round(minutes=44)
    assert rollout.view().state is CampaignState.RUNNING
    rollout.round(minutes=3)
    assert rollout.view().reason == f"{canary}: no-return"


async def test_it_stops_when_stations_have_more_errors_than_before(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.works.carry_out(Line(), canary)
    rollout.round()
    await rollout.works.carry_out(Line(ACCEPTED), canary)
    rollout.works.tell(*GOOD, name=canary)
    rollout.works.boot(canary)
    rollout.round()
    with rollout.works.room.store.writing() as session:
        at = rollout.works.room.clock()
        for _ in range(5):
            session.add(MessageRow(station=canary, at=at, direction="in", kind="error", action="Authorize",
                                   payload="{}", error="InternalError"))  # fmt: skip
    rollout.round(minutes=16)
    rollout.round()
    assert rollout.states()[canary] is TargetState.DONE
    assert rollout.view().reason.startswith("1 stations had 0 errors before and 5 in the same time after")


def test_a_few_more_errors_are_chance():
    assert worse(Errors(1, 0, 2)) == ""
    assert worse(Errors(100, 5, 15)) == ""
    assert worse(Errors(100, 5, 16))
    assert worse(Errors(3, 9, 2)) == ""


async def test_a_revoked_certificate_stops_it_and_says_what_it_installed(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    await rollout.station_takes(canary, *GOOD)
    serial = rollout.release.signing_serial
    rollout.works.room.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, ANNA)
    rollout.round()
    view = rollout.view()
    assert view.state is CampaignState.PAUSED
    assert f"--signing-serial {serial} --state done" in view.reason
    assert [one.station for one in rollout.works.updates.page(signing_serial=serial)][-1] == canary
    with pytest.raises(CampaignRefused, match="not signed"):
        rollout.campaigns.create(rollout.new(), ANNA)


def test_whom_it_leaves_out_is_told_before(rollout):
    room = rollout.works.room
    rollout.works.boot("CS-1", "2.0.0")
    rollout.works.boot("CS-2", "V2.0")
    room.sightings.booted("CS-3", Booted("Acme", "Other", "1.0.0", (), ""))
    seen = rollout.campaigns.preview(rollout.new())
    assert (seen.taken, seen.excluded) == (1, {"it is no Acme Wallbox": 1, "it runs it": 1, "its model cannot": 1})


def test_boards_are_chosen_by_their_tags(rollout):
    other = rollout.works.sign("2.1.0", b"for rev-C", hardware=("rev-C",))
    goal = Goal(Kind.FIRMWARE, release=other.id, location=URL)
    seen = rollout.campaigns.preview(rollout.new(goal))
    assert seen.excluded == {"it is not said to be rev-C (tag hw:…)": 4}


@pytest.mark.parametrize("release", ["", "nothing"])
def test_what_is_to_be_installed_must_be_named(rollout, release):
    with pytest.raises(CampaignRefused):
        rollout.campaigns.preview(rollout.new(Goal(Kind.FIRMWARE, release=release, location=URL)))


def test_without_its_image_it_does_not_begin(rollout):
    with pytest.raises(CampaignRefused, match="is not here"):
        rollout.campaigns.create(rollout.new(Goal(Kind.FIRMWARE, release=rollout.release.id)), ANNA)


def test_the_image_is_hashed_again_before_each_start(rollout):
    works = rollout.works
    works.images.announce(rollout.release.id, len(IMAGE), ANNA)
    with works.images.parts.writing(rollout.release.digest, 0, len(IMAGE)) as part:
        part.write(IMAGE)
    works.images.finish(rollout.release.id, len(IMAGE), ANNA)
    goal = Goal(Kind.FIRMWARE, release=rollout.release.id)
    campaign = rollout.campaigns.create(rollout.new(goal), ANNA).campaign.id
    digest = rollout.release.digest
    (works.room.folder / "firmware" / digest[:2] / f"{digest}.img").write_bytes(b"X" + IMAGE[1:])
    with pytest.raises(CampaignRefused, match="not what it was"):
        rollout.campaigns.start(campaign, ANNA)


async def test_each_station_gets_the_signature_of_its_kind(rollout):
    rsa = rollout.works.sign(scheme=SignatureScheme.RSA_PKCS1V15_SHA256)
    quirks = type(rollout.works.quirks.of_station("CS-1"))(firmware_schemes=(SignatureScheme.RSA_PKCS1V15_SHA256,))
    rollout.kind._doors = Doors(
        *(getattr(rollout.kind._doors, name) for name in ("updates", "asking", "releases", "images", "migrations")),
        orders=rollout.works.room.orders, odd=lambda _s, _r: quirks, clock=rollout.works.room.clock,
        return_within=rollout.works.settings.firmware_return_within,
    )  # fmt: skip
    rollout.begin()
    (canary,) = rollout.running()
    assert rollout.works.last(canary).firmware == rsa.id


async def test_cancelling_withdraws_what_was_not_sent(rollout):
    rollout.begin()
    (canary,) = rollout.running()
    rollout.campaigns.abort(rollout.id, AbortMode.CANCEL, "wrong image", ANNA)
    rollout.round()
    assert rollout.states()[canary] is TargetState.CANCELLED
    assert rollout.works.last(canary).state.value == "cancelled"
    assert rollout.view().state is CampaignState.ABORTED


async def test_cancelling_expects_no_other_version_any_more(rollout):
    rollout.begin(goal=rollout.goal(ocpp="2.0.1"))
    (canary,) = rollout.running()
    (expected,) = rollout.migrations.search(campaign=rollout.id)
    assert (expected.station, expected.state) == (canary, MigrationState.EXPECTED)
    rollout.campaigns.abort(rollout.id, AbortMode.CANCEL, "wrong image", ANNA)
    rollout.round()
    assert rollout.migrations.find(expected.id).state is MigrationState.CANCELLED


def test_a_station_that_is_tried_once_more_is_announced_once_more(rollout):
    """What was expected of the first try would be in the way of the second one."""
    rollout.begin(goal=rollout.goal(ocpp="2.0.1"))
    (canary,) = rollout.running()
    update = rollout.works.last(canary)
    rollout.works.updates.cancel(canary, update.id, "it never answered", ANNA)
    starter = rollout.kind.starter(rollout.goal(ocpp="2.0.1"), rollout.id)
    with rollout.works.room.store.writing() as session:
        starter.again(session, Work(canary, str(update.id)), ANNA)
    states = [one.state for one in rollout.migrations.search(campaign=rollout.id)]
    assert states == [MigrationState.EXPECTED, MigrationState.CANCELLED]


def _connected_at(room, station):
    with room.store.reading() as session:
        found = session.get(StationRow, station)
    assert found is not None
    assert found.ocpp_version == OcppVersion.V16
    assert found.connected_at >= NOON
    return found.connected_at
