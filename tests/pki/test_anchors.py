"""Makers' roots: what may be one, what is recorded, what it changes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pki.anchor_file import LONGEST, read_root
from pki.anchor_use import AnchorUse
from pki.audit import PkiAct
from pki.clock import utc_now
from pki.errors import AnchorExists, AnchorRefused, UnknownAnchor
from tests.pki.conftest import Room
from tests.pki.makers import NOT_SIGNING, Maker, maker_root, small_rsa_key
from tests.pki.others import certified


@pytest.fixture(scope="module")
def maker() -> Maker:
    return maker_root()


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_makers_root_becomes_an_anchor(room: Room, maker: Maker, form: str) -> None:
    added = room.authority.anchors.add(getattr(maker, form), "Volt Motors", "volt", "user:admin")
    assert (added.vendor, added.der) == ("Volt Motors", maker.der)
    assert room.authority.anchors.find("volt") == added
    assert room.authority.anchors.all() == [added]
    assert room.authority.anchors.identify(maker.der) == added
    assert maker.certificate in room.authority.trust_anchors()
    assert room.acts()[-1] == PkiAct.ANCHOR_ADDED


def test_a_removed_anchor_is_trusted_no_more(room: Room, maker: Maker) -> None:
    room.authority.anchors.add(maker.pem, "Volt Motors", "volt", "user:admin")
    room.authority.anchors.remove("volt", "user:admin", "they were bought")
    assert room.authority.anchors.all() == []
    assert maker.certificate not in room.authority.trust_anchors()
    assert room.acts()[-1] == PkiAct.ANCHOR_REMOVED
    with pytest.raises(UnknownAnchor):
        room.authority.anchors.remove("volt", "user:admin")
    with pytest.raises(UnknownAnchor):
        room.authority.anchors.find("volt")


def test_an_anchor_is_added_once_and_by_one_name(room: Room, maker: Maker) -> None:
    room.authority.anchors.add(maker.pem, "Volt Motors", "volt", "user:admin")
    with pytest.raises(AnchorExists, match="this root is the anchor 'volt'"):
        room.authority.anchors.add(maker.pem, "Volt Motors", "volt-2", "user:admin")
    with pytest.raises(AnchorExists, match="there is an anchor 'volt'"):
        room.authority.anchors.add(maker_root().pem, "Volt Motors", "volt", "user:admin")


def test_a_root_for_contracts_is_trusted_for_nothing_else(room: Room, maker: Maker) -> None:
    added = room.authority.anchors.add(maker.pem, "Hub", "hub-v2g", "user:admin", AnchorUse.CONTRACTS)
    assert room.authority.anchors.all(AnchorUse.CONTRACTS) == [added]
    assert room.authority.anchors.certificates(AnchorUse.CONTRACTS) == [maker.certificate]
    assert room.authority.anchors.all(AnchorUse.FIRST_CONTACT) == []
    assert maker.certificate not in room.authority.trust_anchors()
    assert room.authority.anchors.identify(maker.der) is None
    assert added.use is AnchorUse.CONTRACTS
    with pytest.raises(AnchorExists, match="this root is the anchor 'hub-v2g'"):
        room.authority.anchors.add(maker.pem, "Volt Motors", "volt", "user:admin")


def test_a_sub_ca_is_taken_for_contracts_below_a_root_that_is_there(room: Room) -> None:
    root = certified("Hub Root")
    sub = certified("Hub Sub-CA", root)
    leaf = certified("C", sub, is_authority=False)
    anchors, contracts = room.authority.anchors, AnchorUse.CONTRACTS
    with pytest.raises(AnchorRefused, match="was issued by CN=Hub Root"):
        anchors.add(sub.pem.encode(), "Hub", "hub-sub", "user:admin", contracts)
    anchors.add(root.pem.encode(), "Hub", "hub-root", "user:admin", contracts)
    assert anchors.add(sub.pem.encode(), "Hub", "hub-sub", "user:admin", contracts).name == "hub-sub"
    with pytest.raises(AnchorRefused, match="not an authority's"):
        anchors.add(leaf.pem.encode(), "Hub", "hub-leaf", "user:admin", contracts)
    forged = certified("Hub Sub-CA 2", certified("Hub Root"))
    with pytest.raises(AnchorRefused, match="issuer's key did not sign it"):
        anchors.add(forged.pem.encode(), "Hub", "hub-forged", "user:admin", contracts)


def test_our_own_root_is_no_makers(room: Room) -> None:
    """It is trusted already, and for more than a first contact."""
    ours = room.authority.operator_root().certificate_pem
    with pytest.raises(AnchorRefused, match="our own authority 'root'"):
        room.authority.anchors.add(ours.encode(), "Volt Motors", "volt", "user:admin")


def _sub_ca() -> bytes:
    return maker_root().below("Volt Motors Sub").pem


def _two() -> bytes:
    return maker_root().pem + maker_root().pem


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "a leaf": (lambda: maker_root(is_authority=False).pem, "no-authority"),
    "without BasicConstraints": (lambda: maker_root(is_authority=None).pem, "no-authority"),
    "without KeyUsage": (lambda: maker_root(usage=None).pem, "may-not-sign"),
    "without keyCertSign": (lambda: maker_root(usage=NOT_SIGNING).pem, "may-not-sign"),
    "a weak key": (lambda: maker_root(key=small_rsa_key()).pem, "weak-key"),
    "run out": (lambda: maker_root(start=utc_now() - timedelta(days=400), days=30).pem, "expired"),
    "a sub-CA": (_sub_ca, "not-self-signed"),
    "signed by another key": (
        lambda: maker_root(signed_by=ec.generate_private_key(ec.SECP256R1())).pem,
        "bad-signature",
    ),
    "two at once": (_two, "several"),
    "nothing": (lambda: b"", "unreadable"),
    "a broken PEM": (lambda: maker_root().pem.replace(b"M", b"-", 1), "unreadable"),
    "very long": (lambda: maker_root().pem + b" " * LONGEST, "too-long"),
}


@pytest.mark.parametrize(("make", "code"), BAD.values(), ids=BAD)
def test_what_is_no_root_is_refused(make: Callable[[], bytes], code: str) -> None:
    """RFC 5280 §4.2.1.3, §4.2.1.9 and §6.1.1 d; A00.FR.502 for the strength."""
    with pytest.raises(AnchorRefused) as refused:
        read_root(make(), utc_now())
    assert refused.value.code == code


def test_a_refused_root_leaves_nothing_behind(room: Room) -> None:
    before = room.acts()
    with pytest.raises(AnchorRefused):
        room.authority.anchors.add(maker_root(is_authority=False).pem, "Volt Motors", "volt", "user:admin")
    assert room.authority.anchors.all() == []
    assert room.acts() == before


@pytest.mark.parametrize("name", ["", "-volt", "Volt", "volt motors", "v" * 64, "../volt"])
def test_names_are_fit_for_addresses(room: Room, maker: Maker, name: str) -> None:
    with pytest.raises(AnchorRefused, match="the name must be"):
        room.authority.anchors.add(maker.pem, "Volt Motors", name, "user:admin")


@pytest.mark.parametrize("vendor", ["", " Volt", "V" * 65, "Volt\x00"])
def test_vendors_are_printable(room: Room, maker: Maker, vendor: str) -> None:
    with pytest.raises(AnchorRefused, match="the vendor must be"):
        room.authority.anchors.add(maker.pem, vendor, "volt", "user:admin")


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mangled_root_is_read_or_refused_and_nothing_else(maker: Maker, data: st.DataObject) -> None:
    """Whatever the octets, the caller hears a sentence."""
    octets = bytearray(maker.der)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with suppress(AnchorRefused):
        read_root(bytes(octets), utc_now())
