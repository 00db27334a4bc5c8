"""Ceremonies from a file: looked at, agreed to, held once, on a signed record; and what stands against them."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from pki.ceremony_preview import Standing
from pki.ceremony_records import Signature, check_record
from pki.errors import CeremonyRefused, RecordRefused
from pki.hierarchy import AuthorityStatus, Custody
from pki.keys import KeyAlgorithm, KeyFamily
from tests.pki.conftest import Room, openssl
from tests.pki.test_hierarchy import change
from tests.tools_needed import needs_openssl

SECOND = """\
title = "A second pair"

[[root]]
name = "root-2"
algorithm = "ec-p384"
common_name = "Acme Root G2"
organisation = "Acme Trust"
validity = "15y"
path_length = 2

[[issuing]]
name = "between"
parent = "root-2"
algorithm = "ec-p384"
path_length = 1

[[issuing]]
name = "stations-2"
parent = "between"
post = "stations"
algorithm = "ec-p384"
validity = "5y"
crl_shards = 2

[[issuing]]
name = "stations-next"
parent = "root"
post = "stations"

[[cross]]
authority = "root-2"
issuer = "root"
validity = "3y"
"""


def refused(room: Room, text: str) -> str:
    with pytest.raises(CeremonyRefused) as caught:
        room.authority.hold_ceremony('title = "T"\n' + text, "user:admin")
    return "\n".join(caught.value.findings)


def test_the_preview_tells_what_would_be_made_and_makes_nothing(room: Room) -> None:
    before = room.acts(), sorted(path.name for path in (room.folder / "keys").iterdir())
    preview = room.authority.preview_ceremony(SECOND)
    planned = {one.name: one for one in preview.authorities}
    root, between = planned["root-2"], planned["between"]
    stations, following = planned["stations-2"], planned["stations-next"]
    assert preview.has_work
    assert {one.standing for one in preview.authorities} == {Standing.MISSING}
    assert (root.common_name, root.organisation, root.path_length) == ("Acme Root G2", "Acme Trust", 2)
    assert root.not_after - root.not_before == timedelta(days=15 * 365) - timedelta(seconds=1)
    assert between.common_name.startswith("Authority EC ")
    assert (stations.status, following.status) == (AuthorityStatus.ACTIVE, AuthorityStatus.PREPARED)
    assert "issues nothing before a roll-over" in following.remarks[0]
    assert preview.crosses[0].standing is Standing.MISSING
    assert (room.acts(), sorted(path.name for path in (room.folder / "keys").iterdir())) == before


def test_the_chain_that_stations_will_have_is_measured(room: Room) -> None:
    planned = {one.name: one.station_chain for one in room.authority.preview_ceremony(SECOND).authorities}
    room.authority.hold_ceremony(SECOND, "user:admin")
    change(room, "stations-next", status="active")
    room.authority._hierarchy.reload()
    for name in ("stations-2", "stations-next"):
        real = len(room.authority.issue(replace(room.order(serial="S" * 25), authority=name), "user:admin").chain_pem)
        assert real <= (planned[name] or 0) <= real + 30, name
    assert planned["root-2"] is None


def test_everything_appears_at_once_with_names_as_planned(room: Room) -> None:
    record = room.authority.hold_ceremony(SECOND, "user:admin")
    assert record is not None
    found = {info.name: info for info in room.authority.authorities()}
    assert found["root-2"].subject == "CN=Acme Root G2,O=Acme Trust"
    assert found["stations-2"].algorithm is KeyAlgorithm.EC_P384
    assert found["stations-2"].crl_shards == 2
    assert found["between"].post == ""
    constraints = x509.load_der_x509_certificate(found["between"].der).extensions
    assert constraints.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    assert room.authority.issuer_for("stations", KeyFamily.EC).name == "stations"
    assert room.acts().count("ceremony:held") == 2  # the default hierarchy came by one too
    with room.store.reading() as session:
        assert room.trail.verify(session) == []


@needs_openssl
def test_openssl_accepts_the_chains_also_across(room: Room) -> None:
    record = room.authority.hold_ceremony(SECOND, "user:admin")
    assert record is not None
    leaf = room.authority.issue(replace(room.order(), authority="stations-2"), "user:admin")
    room.write("leaf.pem", leaf.pem)
    room.write("chain.pem", leaf.chain_pem)
    new = room.write("new.pem", room.authority.authority("root-2").certificate_pem)
    old = room.write("old.pem", room.authority.authority("root").certificate_pem)
    cross = json.loads(record.statement)["cross_certificates"][0]["certificate"]
    room.write("across.pem", leaf.chain_pem + cross)
    for anchor, chain in ((new, "chain.pem"), (old, "across.pem")):
        done = openssl(
            "verify", "-x509_strict", "-CAfile", anchor, "-untrusted", room.folder / chain, room.folder / "leaf.pem"
        )
        assert done.returncode == 0, done.stderr


def test_the_same_file_twice_does_nothing_the_second_time(room: Room) -> None:
    assert room.authority.hold_ceremony(SECOND, "user:admin") is not None
    acts = len(room.acts())
    assert not room.authority.preview_ceremony(SECOND).has_work
    assert room.authority.hold_ceremony(SECOND, "user:admin") is None
    assert len(room.acts()) == acts
    assert len(room.authority.ceremonies()) == 2  # this one and the default hierarchy


def test_what_was_agreed_to_is_what_is_done(room: Room) -> None:
    agreed = room.authority.preview_ceremony(SECOND).agreement
    room.clock.advance(timedelta(hours=1))
    assert room.authority.preview_ceremony(SECOND).agreement == agreed
    changed = SECOND.replace("15y", "16y")
    with pytest.raises(CeremonyRefused, match="not what was agreed to"):
        room.authority.hold_ceremony(changed, "user:admin", agreed)
    change(room, "stations", status="retiring")
    with pytest.raises(CeremonyRefused, match="not what was agreed to"):
        room.authority.hold_ceremony(SECOND, "user:admin", agreed)
    change(room, "stations", status="active")
    assert room.authority.hold_ceremony(SECOND, "user:admin", agreed) is not None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[[root]]\nname = "root"\nalgorithm = "ec-p384"',
            '[[root]] "root", algorithm: it exists already, with ec-p256',
        ),
        ('[[root]]\nname = "stations"', '[[root]] "stations", name: it exists already, with issuing instead of root'),
        ('[[root]]\nname = "root"\npath_length = 1', '[[root]] "root", path_length: it exists already, with none'),
        ('[[root]]\nname = "root"\ncommon_name = "X"', '[[root]] "root", common_name: it exists already'),
        (
            'public_url = "http://other.example"\n[[root]]\nname = "root-3"',
            "public_url: certificates of this installation name http://pki.example",
        ),
        (
            '[[issuing]]\nname = "s"\nparent = "root"\npost = "stations"\nvalidity = "21y"',
            "[[issuing]] \"s\", validity: it would end after its parent 'root'",
        ),
        (
            '[[root]]\nname = "r"\nvalidity = "5y"\n[[issuing]]\nname = "s"\nparent = "r"\npost = "csms"',
            "[[issuing]] \"s\", validity: it would end after its parent 'r'",
        ),
        (
            '[[issuing]]\nname = "s"\nparent = "root"\npost = "stations"\nalgorithm = "rsa-3072"',
            '[[issuing]] "s", algorithm: rsa-3072 under a parent with an EC key',
        ),
        (
            '[[issuing]]\nname = "s"\nparent = "stations"\npost = "stations"',
            "[[issuing]] \"s\", parent: 'stations' may certify no authorities",
        ),
        (
            '[[root]]\nname = "r"\npath_length = 1\n[[issuing]]\nname = "s"\nparent = "r"\npath_length = 1',
            '[[issuing]] "s", path_length: it must be less than its parent\'s, which is 1',
        ),
        (
            '[[root]]\nname = "a"\ncommon_name = "X"\n[[root]]\nname = "b"\ncommon_name = "X"\nalgorithm = "ec-p384"',
            "[[root]] \"b\", common_name: 'a' has the same name",
        ),
        ('[[cross]]\nauthority = "stations"\nissuer = "root"', "it is its parent and has done so"),
    ],
)
def test_what_does_not_fit_what_exists_is_refused_with_its_place(room: Room, text: str, sentence: str) -> None:
    acts = len(room.acts())
    assert sentence in refused(room, text)
    assert len(room.acts()) == acts


def test_a_chain_too_long_for_stations_is_refused(room: Room) -> None:
    """OCPP A02: stations need not take chains beyond 5,600 characters."""
    text = "[[root]]\nname = 'r'\nalgorithm = 'rsa-4096'\n"
    for name, parent, depth in (("a", "r", 2), ("b", "a", 1)):
        text += f"[[issuing]]\nname='{name}'\nparent='{parent}'\nalgorithm='rsa-4096'\npath_length={depth}\n"
    text += "[[issuing]]\nname='s'\nparent='b'\npost='stations'\nalgorithm='rsa-4096'\n"
    assert "more than the 5599 that stations must take" in refused(room, text)


def test_an_authority_whose_key_is_elsewhere_makes_no_others_here(room: Room) -> None:
    change(room, "root", custody=Custody.ELSEWHERE.value)
    said = refused(room, '[[issuing]]\nname = "s"\nparent = "root"\npost = "stations"')
    assert "ask for a certificate with `voltward ca request`" in said


def test_a_retired_authority_makes_no_others(room: Room) -> None:
    change(room, "root", status=AuthorityStatus.RETIRED.value)
    assert "'root' is retired" in refused(room, '[[issuing]]\nname = "s"\nparent = "root"\npost = "stations"')


def test_the_record_holds_what_was_made_and_is_signed_by_the_keys_that_made_it(room: Room) -> None:
    record = room.authority.hold_ceremony(SECOND, "user:admin")
    assert record in room.authority.ceremonies()
    said = json.loads(record.statement)
    assert said["file"] == SECOND
    assert said["held_by"] == "user:admin"
    assert [one["name"] for one in said["authorities"]] == ["root-2", "between", "stations-next", "stations-2"]
    signatories = {one.authority: one for one in check_record(record.statement, record.signatures)}
    assert set(signatories) == {"root", "root-2", "between"}
    assert signatories["root-2"].subject == "CN=Acme Root G2,O=Acme Trust"


def test_a_changed_record_is_noticed(room: Room) -> None:
    record = room.authority.ceremonies()[0]
    assert len(check_record(record.statement, record.signatures)) == 4
    with pytest.raises(RecordRefused, match="was changed"):
        check_record(record.statement.replace("operator", "Operator"), record.signatures)
    with pytest.raises(RecordRefused, match="is missing"):
        check_record(record.statement, record.signatures[1:])
    with pytest.raises(RecordRefused, match="cannot be read"):
        check_record(record.statement, [Signature(one.authority, "!") for one in record.signatures])
    swapped = zip(record.signatures, reversed(record.signatures), strict=True)
    with pytest.raises(RecordRefused):
        check_record(record.statement, [Signature(one.authority, other.signature) for one, other in swapped])


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"record": 1}', '{"record": "voltward ceremony 1", "signers": []}',
                                  '{"record": "voltward ceremony 1", "signers": {"a": 1}}', "[" * 100_000])  # fmt: skip
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(RecordRefused):
        check_record(text, [])


@needs_openssl
def test_plain_openssl_checks_a_record(room: Room) -> None:
    record = room.authority.ceremonies()[0]
    statement = room.write("record.json", record.statement)
    for one in record.signatures:
        certificate = room.write("signer.pem", room.authority.authority(one.authority).certificate_pem)
        key = room.write("signer.pub", openssl("x509", "-in", certificate, "-pubkey", "-noout").stdout)
        signature = room.write("record.sig", b64decode(one.signature))
        done = openssl("dgst", "-sha256", "-verify", key, "-signature", signature, statement)
        assert done.returncode == 0, done.stdout + done.stderr
