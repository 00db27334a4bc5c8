"""Each fact comes from where it is kept; what is kept nowhere is no fact."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.device_model import Source
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.quirks.quirks import USUAL
from csms_bridge.quirks.tables import LearnedQuirkRow
from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.our_side import OurSide
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import KnownAs
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import CertificateAskRow, SecurityEventRow, StationRow
from csms_bridge.variables import Characteristics, Reading, Variable, configuration_key
from pki.keys import KeyFamily
from tests.csms_bridge.room import NOON

KEY = configuration_key
PRIORITY = Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
PASSWORD = Variable("SecurityCtrlr", "BasicAuthPassword")


def read(ready, station="CS-1", extension=None, report=None):
    """Its settings were read, and told what they told before."""
    ready.book.begin(station, Due(NOON, Why.ASKED, whole=True))
    ready.book.end(station, Result(Outcome.WHOLE, whole=True, extension=extension, report=report))


def keep(ready, *rows):
    with ready.room.store.writing() as session:
        session.add_all(rows)


def listed(name, kind=CertificateKind.CSMS, known_as=KnownAs.AUTHORITY, station="CS-1"):
    return StationRootRow(
        station=station, kind=kind.value, algorithm="SHA256", issuer_name_hash=name, issuer_key_hash=name,
        serial_number="1", known_as=known_as, known_name=name, first_seen=NOON, last_seen=NOON,
    )  # fmt: skip


def listing(state="listed", station="CS-1"):
    at = NOON if state == "listed" else None
    return RootListingRow(station=station, kind="csms", state=state, asked_at=NOON, listed_at=at)


def act(state, deed="install", name="root", station="CS-1"):
    return RootActRow(station=station, deed=deed, kinds="csms", name=name, state=state, sentence="Rejected", by="x",
                      at=NOON)  # fmt: skip


def test_of_a_station_that_just_came_nothing_is_guessed(ready):
    ready.met()
    assert ready.codes() == {Code.NEVER_READ, Code.CLOCK_UNKNOWN, Code.NEVER_LISTED}


def test_a_station_that_never_came_has_no_kind_either(ready):
    ready.room.add()
    assert {Code.NEVER_SEEN, Code.KIND_UNKNOWN, Code.NEVER_READ} <= ready.codes()


def test_a_1_6_station_of_which_all_is_known_has_no_reason(ready):
    ready.met()
    ready.model.take("CS-1", [Reading(KEY("SecurityProfile"), "1")], Source.KEYS)
    read(ready, extension=True)
    ready.book.note_clocks({"CS-1": ClockOffset(timedelta(), NOON)})
    keep(ready, listing())
    assert ready.codes() == set()


def test_a_2_x_station_tells_its_slots_and_its_password_in_a_report(ready):
    ready.met(version=OcppVersion.V201)
    kinds = Characteristics("SequenceList", values="1")
    told = [
        Reading(PRIORITY, "1", characteristics=kinds),
        Reading(PASSWORD, None, writable=True, readable=False, characteristics=Characteristics("string", highest=16)),
    ]
    ready.model.take("CS-1", told, Source.REPORT)
    read(ready)
    assert {Code.ONE_SLOT, Code.PASSWORD_LENGTH} <= ready.codes()


def test_a_2_x_station_without_the_priority_is_told_from_one_that_was_not_asked(ready):
    ready.met(version=OcppVersion.V201)
    ready.model.take("CS-1", [Reading(Variable("ClockCtrlr", "TimeSource"), "NTP")], Source.VALUES)
    read(ready)
    assert Code.NO_PRIORITY not in ready.codes()
    ready.model.take("CS-1", [Reading(PRIORITY, None, words="UnknownVariable")], Source.VALUES)
    assert Code.NO_PRIORITY in ready.codes()


def test_a_password_that_says_it_is_read_only_is_a_risk(ready):
    ready.met()
    ready.model.take("CS-1", [Reading(KEY("AuthorizationKey"), None, writable=False, readable=True)], Source.KEYS)
    read(ready, extension=True)
    assert Code.PASSWORD_FIXED in ready.codes()


def test_a_reading_of_an_older_firmware_is_old(ready):
    ready.met()
    ready.model.take("CS-1", [Reading(KEY("SecurityProfile"), "1")], Source.KEYS)
    read(ready, extension=True)
    assert Code.READ_BEFORE not in ready.codes()
    with ready.room.store.writing() as session:
        session.get(StationRow, "CS-1").firmware = "2.0"
    assert Code.READ_BEFORE in ready.codes()


# --- roots


def test_a_root_of_ours_in_its_list_is_there(ready):
    ready.met()
    keep(ready, listing(), listed("root"))
    ready.model.take("CS-1", [Reading(KEY("CertificateStoreMaxLength"), "1")], Source.KEYS)
    read(ready, extension=True)
    assert Code.STORE_FULL not in ready.codes()


def test_a_full_store_without_ours_is_full(ready):
    ready.met()
    keep(ready, listing(), listed("theirs", known_as=KnownAs.RECORDED))
    ready.model.take("CS-1", [Reading(KEY("CertificateStoreMaxLength"), "1")], Source.KEYS)
    read(ready, extension=True)
    assert Code.STORE_FULL in ready.codes()


def test_one_of_another_csms_stands_in_the_way_where_it_must_sign(ready):
    """AdditionalRootCertificateCheck, 1.6 M05.FR.10."""
    ready.met()
    keep(ready, listing(), listed("theirs", known_as=KnownAs.RECORDED))
    ready.model.take("CS-1", [Reading(KEY("AdditionalRootCertificateCheck"), "true")], Source.KEYS)
    read(ready, extension=True)
    assert Code.ROOT_CHECK in ready.codes()


def test_a_root_of_ours_is_not_one_of_another_csms(ready):
    ready.met()
    keep(ready, listing(), listed("root"), listed("maker", CertificateKind.MANUFACTURER, KnownAs.ANCHOR))
    ready.model.take("CS-1", [Reading(KEY("AdditionalRootCertificateCheck"), "true")], Source.KEYS)
    assert Code.ROOT_CHECK not in ready.codes()


@pytest.mark.parametrize(
    ("acts", "there"),
    [
        ([act("rejected")], False),
        ([act("done"), act("rejected")], True),  # one that has it already may refuse it again
        ([act("rejected"), act("done")], True),
        ([act("rejected"), act("unknown")], False),
        ([act("rejected", name="not-ours")], True),
    ],
)
def test_its_last_word_about_our_root_counts(ready, acts, there):
    ready.met()
    for one in acts:
        keep(ready, one.model_copy())
    assert (Code.ROOT_REFUSED not in ready.codes()) is there


def test_what_it_accepted_and_cannot_list_is_there_until_it_is_deleted(ready):
    ready.met()
    keep(ready, listing("unable"), act("done"))
    assert Code.LISTS_NONE not in ready.codes()
    keep(ready, act("done", deed="delete"))
    assert Code.LISTS_NONE in ready.codes()


# --- requests, events, lessons


def ask(state, reason="", serial=None):
    return CertificateAskRow(station="CS-1", csr="x", state=state, reason=reason, serial=serial, asked_at=NOON,
                             updated_at=NOON)  # fmt: skip


def test_only_the_last_request_counts(ready):
    ready.met()
    keep(ready, ask("refused", "weak key"))
    assert Code.REQUEST_REFUSED in ready.codes()
    keep(ready, ask("taken"))
    assert Code.REQUEST_REFUSED not in ready.codes()


def test_a_certificate_that_it_refused_is_told_from_a_request_that_we_refused(ready):
    ready.met()
    keep(ready, ask("rejected", "Rejected"))
    (reason,) = [one for one in ready.readiness.of("CS-1").assessment.reasons if one.code is Code.REQUEST_REFUSED]
    assert reason.sentence.startswith("It refused its last certificate")


def test_a_complaint_about_our_certificate_counts(ready):
    ready.met()
    told = SecurityEventRow(
        station="CS-1", type="InvalidCsmsCertificate", told="InvalidCentralSystemCertificate", severity="warning",
        at=NOON, last_at=NOON, received_at=NOON, last_received_at=NOON, clock="good",
    )  # fmt: skip
    keep(ready, told)
    assert Code.COMPLAINED in ready.codes()
    ready.room.clock.advance(days=31)
    assert Code.COMPLAINED not in ready.codes()


def test_what_its_kind_taught_counts_until_somebody_decides(ready):
    ready.met()
    lesson = LearnedQuirkRow(kind="k", vendor="Acme", model="One", firmware="1.0", key="chain", value='"root"', times=2,
                             stations='["CS-7"]', first_at=NOON, last_at=NOON)  # fmt: skip
    other = LearnedQuirkRow(**lesson.model_dump(exclude={"id", "kind", "model"}), kind="o", model="Two")
    keep(ready, other)
    assert Code.LEARNED not in ready.codes()
    keep(ready, lesson)
    assert Code.LEARNED in ready.codes()


def test_the_chain_is_as_long_as_its_choice_makes_it(ready):
    """The chain to a root of another generation goes through a cross-certificate, and is longer."""
    ready.met()
    ready.model.take("CS-1", [Reading(KEY("CertificateSignedMaxChainSize"), "600")], Source.KEYS)
    read(ready, extension=True)
    assert Code.CHAIN in ready.codes()
    ready.model.take("CS-1", [Reading(KEY("CertificateSignedMaxChainSize"), "9000")], Source.KEYS)
    assert Code.CHAIN not in ready.codes()


def test_the_estimate_of_a_chain_is_near_a_real_one(ready):
    """CertificateSigned is counted in characters (A02.FR.16); the lint counts exactly when it is issued."""
    ours = OurSide(ready.room.authority).towards("CS-1", USUAL, has_wish=False)
    above = len(ready.room.authority.authority("stations").certificate_pem)
    assert above + 700 < ours.chains[KeyFamily.EC] < above + 1600
    assert ours.chains[KeyFamily.RSA] > ours.chains[KeyFamily.EC]


def test_a_lot_is_read_by_a_few_queries(ready):
    """However many stations: else a fleet is not assessed in a day."""
    for number in range(1, 13):
        ready.met(f"CS-{number}")

    def queries(stations):
        said = []
        event.listen(ready.room.store.engine, "before_cursor_execute", lambda *about: said.append(about[2]))
        ready.readiness.assess_again(stations)
        return len(said)

    one = queries(["CS-1"])
    assert queries([f"CS-{number}" for number in range(1, 13)]) <= one + one + 2  # the listener is there twice
