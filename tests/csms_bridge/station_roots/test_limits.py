"""AdditionalRootCertificateCheck and the room in the store, as stations tell them, and what follows."""

import pytest

from csms_bridge.errors import RootRefused
from csms_bridge.posture.device_model import DeviceModel, Source
from csms_bridge.station import OcppVersion
from csms_bridge.station_roots.rules import Limits
from csms_bridge.variables import Characteristics, Reading, Variable, configuration_key
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, V16, V21, V201, Holder, name_of
from tests.pki.makers import maker_root

STRANGER = maker_root("A stranger's root")
CHECK, ROOM = (
    Variable("SecurityCtrlr", "AdditionalRootCertificateCheck"),
    Variable("SecurityCtrlr", "CertificateEntries"),
)


def tell(holder: Holder, *readings: Reading) -> None:
    """Its settings have been read."""
    DeviceModel(holder.room.store, holder.room.clock, 100, 100_000).take(holder.station, readings, Source.VALUES)


def checks(holder: Holder) -> None:
    key = configuration_key("AdditionalRootCertificateCheck") if holder.version is V16 else CHECK
    tell(holder, Reading(key, "true"))


def limits(holder: Holder) -> Limits:
    return holder.room.roots.view(holder.station).limits


def test_nothing_told_is_nothing_known(signing_room: SigningRoom) -> None:
    assert limits(Holder(signing_room)) == Limits()


def test_what_a_1_6_station_tells(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room, version=V16)
    key = configuration_key("CertificateStoreMaxLength")
    tell(holder, Reading(key, "4"), Reading(configuration_key("AdditionalRootCertificateCheck"), "False"))
    assert limits(holder) == Limits(checks_new_root=False, capacity=4)


@pytest.mark.parametrize("version", [V201, V21])
def test_what_a_2_x_station_tells(signing_room: SigningRoom, version: OcppVersion) -> None:
    holder = Holder(signing_room, version=version)
    kind = Characteristics("integer", highest=10)
    tell(holder, Reading(ROOM, "3", characteristics=kind), Reading(CHECK, "true"))
    assert limits(holder) == Limits(checks_new_root=True, capacity=10, entries=3)


@pytest.mark.parametrize("text", ["", "many", "-1", "1e3", "9" * 30, None])
def test_what_makes_no_sense_is_not_told(signing_room: SigningRoom, text: str | None) -> None:
    holder = Holder(signing_room, version=V16)
    tell(holder, Reading(configuration_key("CertificateStoreMaxLength"), text))
    tell(holder, Reading(configuration_key("AdditionalRootCertificateCheck"), text))
    assert limits(holder) == Limits()


@pytest.mark.parametrize("version", OcppVersion)
def test_a_further_root_goes_in_the_form_that_the_old_one_signed(
    signing_room: SigningRoom, version: OcppVersion
) -> None:
    """1.6 M05.FR.08-13, 2.x M05.FR.09-16."""
    holder = Holder(signing_room, version=version)
    checks(holder)
    holder.hold(CSMS, name_of(holder.root("root-rsa")))
    holder.list()
    with pytest.raises(RootRefused, match="has not certified 'root'") as refused:
        signing_room.roots.install("CS-1", CSMS, BY, name="root")
    assert "voltward ca cross root --by root-rsa" in refused.value.hint
    signing_room.authority.cross_certify("root", "root-rsa", BY)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    assert act.signed_by == "root-rsa"
    (order,) = holder.answer({"status": "Accepted"})
    (cross,) = signing_room.authority.cross_certificates()
    assert order.payload["certificate"] == cross.pem


def test_the_cross_certified_form_is_recognised_when_it_is_listed(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room)
    signing_room.authority.cross_certify("root", "root-rsa", BY)
    (cross,) = signing_room.authority.cross_certificates()
    holder.hold(CSMS, name_of(cross.der, holder.root("root-rsa")))
    holder.list()
    (entry,) = signing_room.roots.view("CS-1").entries
    assert (entry.recognised.name, entry.recognised.by) == ("root", "root-rsa")


def test_the_first_root_and_one_that_is_there_need_no_signature(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room)
    checks(holder)
    assert signing_room.roots.install("CS-1", CSMS, BY, name="root").signed_by == ""
    holder.answer({"status": "Accepted"})
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    assert signing_room.roots.install("CS-1", CSMS, BY, name="root").signed_by == ""


def test_behind_a_root_that_nobody_knows_nothing_can_be_installed(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room)
    checks(holder)
    holder.hold(CSMS, name_of(STRANGER.der))
    holder.list()
    with pytest.raises(RootRefused, match="nobody here knows that one"):
        signing_room.roots.install("CS-1", CSMS, BY, name="root")


def test_without_the_check_the_form_can_be_asked_for(signing_room: SigningRoom) -> None:
    Holder(signing_room)
    with pytest.raises(RootRefused, match="has not certified"):
        signing_room.roots.install("CS-1", CSMS, BY, name="root", signed_by="root-rsa")
    signing_room.authority.cross_certify("root", "root-rsa", BY)
    assert signing_room.roots.install("CS-1", CSMS, BY, name="root", signed_by="root-rsa").signed_by == "root-rsa"


def test_a_full_store_is_known_before_anything_is_sent(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room, version=V16)
    tell(holder, Reading(configuration_key("CertificateStoreMaxLength"), "1"))
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    with pytest.raises(RootRefused, match="it holds 1 of 1 certificates"):
        signing_room.roots.install("CS-1", CSMS, BY, name="root-rsa")
    signing_room.roots.install("CS-1", CSMS, BY, name="root")  # one that is there is replaced (2.x M05.FR.17)
