"""May this peer in? Every rule with a peer that passes and one that fails (OCPP 2.0.1 A00, 1.6 white paper ed. 3)."""

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.admission import (
    Admitted,
    BasicCredentials,
    MakersCertificate,
    Peer,
    PresentedCertificate,
    Refused,
    Registered,
    choose_subprotocol,
    decide,
    identity_of,
    outranks,
    presented_of,
    read_basic,
    stranger,
)
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.certificates import Certificate, CertificateState
from pki.revocation import RevocationReason
from pki.secret_text import Secret
from tests.csms_bridge.room import NOON

NONE, BASIC, TLS, MUTUAL = SecurityProfile
CERTIFICATE = PresentedCertificate("5eed", "CS-1", "SN-1", "good", "station")
STATION = Registered("CS-1", "SN-1", OcppVersion.V16, BASIC)


def peer(
    *,
    tls: bool = False,
    password: bool | None = None,
    certificate: PresentedCertificate | None = None,
    offered: tuple[str, ...] = ("ocpp1.6",),
) -> Peer:
    """`password`: whether the one that was sent fits; None when none was sent."""
    return Peer("CS-1", tls, offered, password is not None, password, certificate)


def at(floor: SecurityProfile) -> Registered:
    return replace(STATION, floor=floor)


@pytest.mark.parametrize(
    ("who", "profile"),
    [
        (peer(), NONE),
        (peer(password=True), BASIC),
        (peer(tls=True, password=True), TLS),
        (peer(tls=True, certificate=CERTIFICATE), MUTUAL),
        (peer(tls=True, certificate=CERTIFICATE, password=True), MUTUAL),
        (peer(tls=True, certificate=CERTIFICATE, password=False), MUTUAL),
    ],
)
@pytest.mark.parametrize("floor", SecurityProfile)
def test_admits_at_or_above_the_floor_and_never_below(floor, who, profile):
    """Stronger than asked is welcome; A05.FR.07 (1.6: A05.FR.09): below what was reached is refused for good."""
    verdict = decide(who, at(floor))
    if profile >= floor:
        serial = "5eed" if profile is MUTUAL else None
        assert verdict == Admitted(profile, "ocpp1.6", serial)
    else:
        assert isinstance(verdict, Refused)
        assert verdict.status == 401


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("floor", SecurityProfile)
def test_refuses_a_wrong_password_on_every_profile(tls, floor):
    """A00.FR.207/.324 (TC_A_02, TC_A_03): also on profile 0, where no password would do."""
    assert decide(peer(tls=tls, password=False), at(floor)) == Refused(401, "wrong user name or password")


@pytest.mark.parametrize(
    ("tls", "floor", "missing"),
    [
        (False, BASIC, "no Basic password"),
        (True, TLS, "neither client certificate nor Basic password"),
        (True, NONE, "neither client certificate nor Basic password"),  # TLS without proof is no OCPP profile
        (True, MUTUAL, "neither client certificate nor Basic password"),
    ],
)
def test_refuses_a_peer_without_proof(tls, floor, missing):
    assert decide(peer(tls=tls), at(floor)) == Refused(401, missing)


BAD_CERTIFICATES = {
    "of an unknown authority": replace(CERTIFICATE, station=None),
    "of our own server": replace(CERTIFICATE, profile="server"),
    "of another station": replace(CERTIFICATE, station="CS-2"),  # A00.FR.427: one certificate per station
    "with another serial number": replace(CERTIFICATE, common_name="SN-2"),  # A00.FR.405
    "expired": replace(CERTIFICATE, state="expired"),  # A00.FR.407
    "revoked": replace(CERTIFICATE, state="revoked"),  # A00.FR.702
    "on hold": replace(CERTIFICATE, state="held"),
}
OLD = replace(CERTIFICATE, made_at=NOON)
ALARMING = ("of another station", "revoked", "on hold")
"""Somebody else's, or taken from its owner: no password makes up for these."""


@pytest.mark.parametrize("certificate", BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES)
@pytest.mark.parametrize("floor", SecurityProfile)
def test_refuses_a_certificate_that_does_not_prove_the_station(certificate, floor):
    verdict = decide(peer(tls=True, certificate=certificate), at(floor))
    assert isinstance(verdict, Refused)
    assert verdict.status == 401
    assert "certificate" in verdict.reason


@pytest.mark.parametrize("kind", [kind for kind in BAD_CERTIFICATES if kind not in ALARMING])
def test_an_odd_certificate_with_a_good_password_is_worth_the_password(kind):
    """A factory certificate, or one that has run out; on profile 3 that is no way in."""
    who = peer(tls=True, certificate=BAD_CERTIFICATES[kind], password=True)
    assert decide(who, at(TLS)) == Admitted(TLS, "ocpp1.6", None)
    assert isinstance(decide(who, at(MUTUAL)), Refused)


@pytest.mark.parametrize("kind", ALARMING)
@pytest.mark.parametrize("floor", SecurityProfile)
def test_no_password_makes_up_for_a_certificate_that_was_taken_from_its_owner(kind, floor):
    """A00.FR.702; and a stolen certificate makes the password beside it suspect."""
    verdict = decide(peer(tls=True, certificate=BAD_CERTIFICATES[kind], password=True), at(floor))
    assert isinstance(verdict, Refused)
    assert "certificate" in verdict.reason


@pytest.mark.parametrize(
    ("made", "newest_used", "admitted"),
    [
        (NOON, None, True),
        (NOON, NOON, True),  # the one in use
        (NOON + timedelta(days=1), NOON, True),  # a renewal
        (NOON, NOON + timedelta(days=1), False),
        (None, NOON, True),
    ],
)
def test_a_certificate_older_than_one_that_was_used_since_is_done_with(made, newest_used, admitted):
    """A02.FR.10: the old one is good until the new one was used, and not after."""
    station = replace(at(TLS), newest_used=newest_used)
    verdict = decide(peer(tls=True, certificate=replace(CERTIFICATE, made_at=made)), station)
    assert isinstance(verdict, Admitted) is admitted
    assert admitted or "older than one" in verdict.reason


@pytest.mark.parametrize("floor", [TLS, MUTUAL])
def test_an_old_certificate_with_a_good_password_is_worth_the_password(floor):
    station = replace(at(floor), newest_used=NOON + timedelta(days=1))
    verdict = decide(peer(tls=True, certificate=OLD, password=True), station)
    assert verdict == Admitted(TLS, "ocpp1.6", None) if floor is TLS else isinstance(verdict, Refused)


@pytest.mark.parametrize("kind", ["expired", "of an unknown authority"])
def test_a_wrong_password_beside_an_odd_certificate_is_a_wrong_password(kind):
    verdict = decide(peer(tls=True, certificate=BAD_CERTIFICATES[kind], password=False), at(TLS))
    assert verdict == Refused(401, "wrong user name or password")


def test_an_admission_by_certificate_tells_when_it_was_made():
    assert decide(peer(tls=True, certificate=OLD), STATION) == Admitted(MUTUAL, "ocpp1.6", "5eed", NOON)


def test_a_password_that_was_replaced_is_told_from_a_wrong_one():
    """A01.FR.03; the operator reads that the station did not keep its word."""
    who = replace(peer(password=False), password_retired=True)
    assert decide(who, STATION) == Refused(401, "it still uses the password that it has accepted a new one for")


@pytest.mark.parametrize("state", ["expired", "revoked", "held"])
def test_the_reason_on_record_names_the_certificate_and_its_state(state):
    verdict = decide(peer(tls=True, certificate=replace(CERTIFICATE, state=state)), STATION)
    assert verdict.reason == f"the client certificate 5eed is {state}"


def test_a_prober_learns_nothing_of_subprotocols_before_it_has_proved_itself():
    """Proof comes first, then the profile, then the subprotocol."""
    stranger = peer(password=False, offered=())
    weak = peer(password=True, offered=())
    assert decide(stranger, STATION).status == 401
    assert decide(weak, at(TLS)).status == 401
    assert decide(weak, at(BASIC)).status == 400


@pytest.mark.parametrize(("offered", "words"), [((), "none"), (("ocpp0.1", "soap"), "ocpp0.1, soap")])
def test_refuses_a_peer_without_a_common_subprotocol(offered, words):
    """TC_B_58, TC_088: an attempt with only an unknown subprotocol is not upgraded."""
    expected = Refused(400, f"no subprotocol in common: offered {words}")
    assert decide(peer(password=True, offered=offered), STATION) == expected


@pytest.mark.parametrize(
    ("offered", "registered", "chosen"),
    [
        (("ocpp1.6",), None, "ocpp1.6"),
        (("ocpp0.1", "ocpp2.0.1"), None, "ocpp2.0.1"),  # TC_B_58
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), None, "ocpp2.1"),  # the station's order counts
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), OcppVersion.V201, "ocpp2.0.1"),  # else the one on record
        (("ocpp2.0.1",), OcppVersion.V16, "ocpp2.0.1"),  # its firmware was updated
        (("ocpp2.0",), OcppVersion.V201, None),
        (("OCPP1.6",), None, None),
        ((), OcppVersion.V16, None),
    ],
)
def test_chooses_the_version_on_record_else_the_stations_first(offered, registered, chosen):
    assert choose_subprotocol(offered, registered) == chosen


@pytest.mark.parametrize("newcomer", SecurityProfile)
@pytest.mark.parametrize("holder", SecurityProfile)
def test_a_second_connection_takes_over_with_at_least_equal_proof(newcomer, holder):
    came, there = Admitted(newcomer, "ocpp1.6", None), Admitted(holder, "ocpp1.6", None)
    assert outranks(came, there) is (int(newcomer) >= int(holder))
    for lane in (Lane.RECOVERY, Lane.BOOTSTRAP):
        assert not outranks(replace(came, lane=lane), there)
        assert outranks(came, replace(there, lane=lane))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Admitted(NONE, "ocpp1.6", None), "no proof asked on profile 0"),
        (Admitted(BASIC, "ocpp1.6", None), "Basic password over plain transport"),
        (Admitted(TLS, "ocpp1.6", None), "Basic password over TLS"),
        (Admitted(MUTUAL, "ocpp1.6", "5eed"), "client certificate 5eed"),
    ],
)
def test_a_verdict_says_what_proved_the_station(verdict, words):
    assert verdict.reason == words


@pytest.mark.parametrize(
    ("target", "identity"),
    [
        ("/CS-1", "CS-1"),
        ("/ocpp/CS-1", "CS-1"),
        ("/any/prefix/at/all/CS-1", "CS-1"),
        ("/ocpp/CS%2D1", "CS-1"),
        ("/ocpp/A%20B%3AC", "A B:C"),
        ("/ocpp/CS-1?token=1", "CS-1"),
        ("/ocpp?tenant=7/CS-1", "CS-1"),  # a prefix with a query: the identity is appended blindly
        ("/ocpp/CS-1#x", "CS-1"),
    ],
)
def test_reads_the_identity_from_the_last_path_segment(target, identity):
    """OCPP 2.0.1 Part 4 §3.1.1: the identity, percent-encoded, behind any prefix."""
    assert identity_of(target) == identity


@pytest.mark.parametrize(
    "target",
    ["/", "/ocpp/", "/ocpp/%", "/ocpp/CS%0A1", "/ocpp/CS%2F1", "/ocpp/%C3%87S", "/ocpp/" + "x" * 49, "/ocpp/CS%001"],
)
def test_refuses_a_target_without_an_identity(target):
    assert identity_of(target) is None


def header(pair: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {b64encode(pair).decode()}"


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_reads_credentials_of_the_basic_scheme(scheme):
    """RFC 7617 §2: the scheme's name has no case."""
    assert read_basic(header(b"CS-1:secret", scheme)) == BasicCredentials(b"CS-1:secret")


def test_no_header_is_no_credentials():
    assert read_basic(None) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic Q1M",
        "Bearer Q1MtMTp4",
        "Basic Q1MtMTp4 trailing",
        "Basic Ç",
        header(b"no colon"),
    ],
)
def test_refuses_a_malformed_header(value):
    with pytest.raises(ValueError, match=r"Authorization|ASCII"):
        read_basic(value)


@pytest.mark.parametrize(
    ("pair", "password"),
    [
        (b"CS-1:secret", b"secret"),
        (b"CS-1:se:cret", b"se:cret"),  # 2.0.1 passwords may hold a colon
        (b"CS-1:\x00\xff\xfe", b"\x00\xff\xfe"),  # 1.6 passwords are raw bytes
        (b"CS-1:", b""),
    ],
)
def test_takes_the_password_behind_the_stations_own_identity(pair, password):
    """A00.FR.204/.303: the user name is the identity in the URL."""
    assert BasicCredentials(pair).password_for("CS-1") == Secret(password)


@pytest.mark.parametrize("pair", [b"CS-2:secret", b"cs-1:secret", b"CS-11:secret", b":secret", b"CS-1", b" CS-1:x"])
def test_gives_no_password_for_another_user_name(pair):
    """TC_A_02."""
    assert BasicCredentials(pair).password_for("CS-1") is None


def test_an_identity_with_a_colon_is_read_whole():
    """1.6 does not forbid colons in identities."""
    assert BasicCredentials(b"A:B:secret").password_for("A:B") == Secret(b"secret")


def test_credentials_do_not_show_the_password_in_a_refusal():
    with pytest.raises(ValueError, match="no colon") as refusal:
        read_basic(header(b"s3cr3t"))
    assert "s3cr3t" not in str(refusal.value)


proofs = st.builds(
    peer,
    tls=st.booleans(),
    password=st.none() | st.booleans(),
    certificate=st.none() | st.just(CERTIFICATE) | st.sampled_from(list(BAD_CERTIFICATES.values())),
)


@given(proofs, st.sampled_from(list(SecurityProfile)))
def test_nobody_gets_in_without_what_the_profile_asks_for(who, floor):
    verdict = decide(who, at(floor))
    if not isinstance(verdict, Admitted):
        return
    assert verdict.profile >= floor
    assert who.certificate not in [BAD_CERTIFICATES[kind] for kind in ALARMING]
    asked = {
        NONE: not who.basic_present and not who.tls,
        BASIC: who.password_fits and not who.tls,
        TLS: who.password_fits and who.tls,
        MUTUAL: who.certificate == CERTIFICATE,
    }
    assert asked[verdict.profile]


MAKERS = MakersCertificate("Volt Motors", "volt", ("VM AC22 SN-1",))
FACTORY = PresentedCertificate("", None, "", "unknown", "", maker=MAKERS)


def made_by(*names: str, vendor: str = "Volt Motors") -> PresentedCertificate:
    return replace(FACTORY, maker=MakersCertificate(vendor, "volt", names))


@pytest.mark.parametrize("floor", [NONE, BASIC, TLS])
def test_a_makers_certificate_stands_beside_the_password_at_first_contact(floor):
    """A00.FR.801-806: it is no identity of ours; the password lets the station in, and both are on record."""
    verdict = decide(peer(tls=True, certificate=FACTORY, password=True), replace(at(floor), vendor="VOLT MOTORS"))
    assert isinstance(verdict, Admitted)
    assert (verdict.profile, verdict.certificate_serial) == (TLS, None)
    assert verdict.reason == (
        "Basic password over TLS, beside a certificate of Volt Motors for its serial number (anchor volt)"
    )


@pytest.mark.parametrize(
    ("certificate", "station", "password", "why"),
    [
        (FACTORY, at(BASIC), None, "no proof without the Basic password"),
        (made_by("SN-2"), at(BASIC), True, "for 'SN-2', not for the registered serial number"),
        (made_by("SN-12"), at(BASIC), True, "not for the registered serial number"),
        (made_by(), at(BASIC), True, "for no name"),
        (FACTORY, replace(at(BASIC), vendor="Other Motors"), True, "the station is one of Other Motors"),
        (FACTORY, at(MUTUAL), True, "this station has reached profile 3"),
        (FACTORY, at(MUTUAL), None, "this station has reached profile 3"),
        (FACTORY, at(BASIC), False, "wrong user name or password"),
    ],
)
def test_a_makers_certificate_is_never_proof_by_itself(certificate, station, password, why):
    """Whoever holds the maker's key could make one for any of its stations."""
    verdict = decide(peer(tls=True, certificate=certificate, password=password), station)
    assert isinstance(verdict, Refused)
    assert verdict.status == 401
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("name", "serial", "states"),
    [
        ("SN-1", "SN-1", True),
        ("vm:sn-1", "SN-1", True),
        ("SN-10", "SN-1", False),
        ("XSN-1", "SN-1", False),
        ("S.-1", "SN-1", False),
        ("SN-1", "S.-1", False),
    ],
)
def test_a_name_states_a_serial_number_as_a_word_of_its_own(name, serial, states):
    """A00.FR.405: the CN contains the serial number."""
    assert MakersCertificate("V", "v", (name,)).states(serial) is states


EXPIRED = replace(CERTIFICATE, state="expired")
RECOVERING = replace(at(MUTUAL), recovery=Lane.RECOVERY)


@pytest.mark.parametrize("password", [None, True, False])
def test_an_expired_certificate_lets_in_as_pending_while_an_operator_says_so(password):
    """A00.FR.429/.807."""
    verdict = decide(peer(tls=True, certificate=EXPIRED, password=password), RECOVERING)
    assert verdict == Admitted(MUTUAL, "ocpp1.6", "5eed", lane=Lane.RECOVERY)
    assert verdict.reason == "expired client certificate 5eed, in the recovery lane: to be renewed"


def test_who_can_come_in_for_good_is_in_no_lane():
    assert decide(peer(tls=True, certificate=CERTIFICATE), RECOVERING) == Admitted(MUTUAL, "ocpp1.6", "5eed")
    by_password = decide(peer(tls=True, certificate=EXPIRED, password=True), replace(RECOVERING, floor=TLS))
    assert by_password == Admitted(TLS, "ocpp1.6", None)


@pytest.mark.parametrize(
    "certificate",
    [
        *(one for kind, one in BAD_CERTIFICATES.items() if kind != "expired"),
        *(replace(one, state="expired") for kind, one in BAD_CERTIFICATES.items() if "of" in kind.split()),
        replace(EXPIRED, common_name="SN-2"),
        replace(EXPIRED, made_at=NOON - timedelta(days=1)),
        None,
    ],
)
def test_the_recovery_lane_makes_up_for_nothing_but_the_time(certificate):
    station = replace(RECOVERING, newest_used=NOON)
    assert isinstance(decide(peer(tls=True, certificate=certificate), station), Refused)


def recorded(state: CertificateState, reason: RevocationReason | None) -> Certificate:
    return Certificate(
        "5eed",
        "",
        "SN-1",
        "CS-1",
        "stations",
        "station",
        NOON,
        NOON,
        NOON,
        state,
        None,
        reason,
        "",
        "",
        b"",
        "",
        "root",
    )


def test_a_hold_that_nobody_released_outlasts_the_certificate():
    held = recorded(CertificateState.EXPIRED, RevocationReason.CERTIFICATE_HOLD)
    assert presented_of(held, is_retired=False).state == "held"
    assert presented_of(recorded(CertificateState.EXPIRED, None), is_retired=False).state == "expired"


BEGINNER = replace(at(MUTUAL), bootstrap="VOLT MOTORS")


def test_a_makers_certificate_alone_lets_in_as_pending_where_an_operator_allows_it():
    """A00.FR.404/.406/.805: it is no proof of ours; what the station calls its vendor is not asked."""
    verdict = decide(peer(tls=True, certificate=FACTORY), replace(BEGINNER, vendor="VM GmbH"))
    assert isinstance(verdict, Admitted)
    assert (verdict.profile, verdict.certificate_serial, verdict.lane) == (MUTUAL, None, Lane.BOOTSTRAP)
    assert verdict.reason == (
        "nothing but a certificate of Volt Motors for its serial number (anchor volt): to get its own certificate"
    )


@pytest.mark.parametrize(
    ("certificate", "station", "password", "why"),
    [
        (FACTORY, at(BASIC), None, "no proof without the Basic password"),
        (FACTORY, BEGINNER, False, "this station has reached profile 3"),
        (made_by("SN-2"), BEGINNER, None, "not for the registered serial number"),
        (made_by(), BEGINNER, None, "for no name"),
        (made_by("SN-1", vendor="Other Motors"), BEGINNER, None, "where VOLT MOTORS may vouch"),
        (FACTORY, replace(BEGINNER, newest_used=NOON), None, "this station has used a certificate of ours"),
    ],
)
def test_a_makers_certificate_alone_counts_once_for_one_station_of_one_maker(certificate, station, password, why):
    verdict = decide(peer(tls=True, certificate=certificate, password=password), station)
    assert isinstance(verdict, Refused)
    assert verdict.status == 401
    assert why in verdict.reason


@pytest.mark.parametrize("lane", [RECOVERING, BEGINNER])
def test_a_lane_asks_for_a_common_version_like_every_way_in(lane):
    shown = EXPIRED if lane is RECOVERING else FACTORY
    assert decide(peer(tls=True, certificate=shown, offered=("soap",)), lane) == Refused(
        400, "no subprotocol in common: offered soap"
    )


def test_a_stranger_is_in_quarantine_and_proves_nothing():
    assert stranger(("ocpp0.1", "ocpp1.6")) == Admitted(NONE, "ocpp1.6", None, lane=Lane.QUARANTINE)
    assert stranger(("soap",)) == Refused(400, "no subprotocol in common: offered soap")
