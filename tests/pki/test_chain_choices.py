"""A station's wish for a root, and the chains that follow from it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from pki.audit import PkiAct
from pki.cross_certificates import CrossCertificate
from pki.errors import NoChain, OrderRefused, UnknownAuthority
from pki.hierarchy import Hierarchy
from pki.lint import Specimen, chain_fits_the_station
from pki.revocation import RevocationReason
from tests.pki.conftest import Room, openssl
from tests.tools_needed import needs_openssl


@pytest.fixture
def cross(room: Room) -> CrossCertificate:
    """The RSA root vouches for the EC root."""
    return room.authority.cross_certify("root", "root-rsa", "user:admin")


@needs_openssl
def test_a_stations_chain_ends_in_the_root_of_its_choice(room: Room, cross: CrossCertificate) -> None:
    before = room.issue()
    room.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    certificate = room.issue()
    assert certificate.root == "root-rsa"
    assert certificate.chain_pem == before.chain_pem.replace(before.pem, certificate.pem) + cross.pem
    assert room.authority.certificate(certificate.serial) == certificate
    assert room.authority.certificates(station="CS-1")[0] == certificate
    assert room.authority.certificate(before.serial).root == "root-rsa"
    assert len(certificate.chain_pem) < 5600  # A02: MaxCertificateChainSize
    root, chain, leaf = room.trust(certificate)
    done = openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", chain, leaf)
    assert done.returncode == 0, done.stderr


def test_only_the_station_that_wished_gets_it(room: Room, cross: CrossCertificate) -> None:
    room.authority.chains.choose("CS-2", "root-rsa", "user:admin")
    assert room.issue().root == "root"


def test_a_wish_is_changed_and_released(room: Room, cross: CrossCertificate) -> None:
    chains = room.authority.chains
    chains.choose("CS-1", "root-rsa", "user:admin")
    chains.choose("CS-1", "root", "user:anna")
    assert (chains.of("CS-1").root, chains.of("CS-1").chosen_by) == ("root", "user:anna")
    chains.choose("CS-1", "root-rsa", "user:admin")
    assert chains.counts() == {"root-rsa": 1}
    assert [choice.station for choice in chains.stations_of("root-rsa")] == ["CS-1"]
    assert chains.stations_of("root-rsa", after="CS-1") == []
    chains.release("CS-1", "user:admin")
    chains.release("CS-1", "user:admin")
    assert chains.of("CS-1") is None
    assert room.issue().root == "root"
    assert [act for act in room.acts() if act.startswith("chain:")] == [PkiAct.CHAIN_CHOSEN] * 3 + [
        PkiAct.CHAIN_RELEASED
    ]


@pytest.mark.parametrize(
    ("root", "error"),
    [("nobody", UnknownAuthority), ("stations", OrderRefused), ("manufacturer", OrderRefused), ("root-rsa", NoChain)],
)
def test_a_wish_that_cannot_be_fulfilled_is_refused(room: Room, root: str, error: type[Exception]) -> None:
    """The RSA root stands above nothing that stations could be issued by, once its authority is revoked."""
    if root == "root-rsa":
        room.authority.revoke(room.authority.authority("stations-rsa").serial, RevocationReason.SUPERSEDED, "user:a")
    before = room.acts()
    with pytest.raises(error):
        room.authority.chains.choose("CS-1", root, "user:admin")
    assert room.authority.chains.of("CS-1") is None
    assert room.acts() == before


def test_a_wish_outlives_its_cross_certificate_and_the_station_gets_the_plain_chain(
    room: Room, cross: CrossCertificate
) -> None:
    room.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    room.authority.revoke(cross.serial, RevocationReason.SUPERSEDED, "user:admin")
    room.issue()
    fresh = room.rebuilt()  # as another process, which has read nothing yet
    assert fresh.certificates(station="CS-1")[0].root == "root"
    way = next(way for way in fresh.chains.ways("CS-1") if way.authority == "stations")
    assert (way.root, way.through) == ("root", ("stations",))
    assert way.sentence == "no chain leads from 'stations' to 'root-rsa' now"


def test_the_ways_tell_what_the_station_would_get(room: Room, cross: CrossCertificate) -> None:
    plain = {way.authority: (way.root, way.through, way.sentence) for way in room.authority.chains.ways("CS-1")}
    assert plain == {
        "stations": ("root", ("stations",), ""),
        "stations-rsa": ("root-rsa", ("stations-rsa",), ""),
    }
    room.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    wished = {way.authority: (way.root, way.through, way.sentence) for way in room.authority.chains.ways("CS-1")}
    assert wished == plain | {"stations": ("root-rsa", ("stations", "root"), "")}
    way = next(way for way in room.authority.chains.ways("CS-1") if way.authority == "stations")
    certificate = room.issue()
    assert way.length == len(certificate.chain_pem) - len(certificate.pem)


def test_another_process_reads_the_wish(room: Room, cross: CrossCertificate) -> None:
    room.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    assert room.rebuilt().certificate(room.issue().serial).root == "root-rsa"


def test_a_chain_too_long_for_stations_is_not_issued(room: Room, cross: CrossCertificate) -> None:
    """A02: the lint counts the chain that the station is going to get."""
    certificate = room.issue()
    room.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    decisions = room.authority._decisions
    plan = decisions.decide(room.order(), room.clock.now)
    assert plan.chain_above == len(room.authority.chains.above("stations", "CS-1").chain_pem)
    other = decisions.decide(room.order(station="CS-2"), room.clock.now)
    assert other.chain_above == other.issuer.chain_pem_length
    specimen = Specimen(x509.load_der_x509_certificate(certificate.der))
    assert chain_fits_the_station(specimen, plan) is None
    longer = replace(plan, chain_above=5600 - len(certificate.pem))
    assert "characters" in (chain_fits_the_station(specimen, longer) or "")


def test_our_servers_show_the_plain_chain_while_no_root_retires(room: Room, cross: CrossCertificate) -> None:
    assert room.authority.chains.for_servers("csms") == Hierarchy(room.store).above("csms")
    room.clock.advance(timedelta(days=1))
    assert [one.chain_pem.count("BEGIN CERTIFICATE") for one in room.authority.server_credentials()] == [2, 2]
