"""Installing, listing and finding roots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms_bridge.simulator.certificates import name_certificate
from csms_bridge.simulator.root_store import (
    CSMS_ROOT,
    MANUFACTURER_ROOT,
    RootRefused,
    StoredRoot,
    find,
    install,
    named,
)
from tests.csms_bridge.simulator.throwaway_authority import Issuer, ec_key, new_root, pem

NOW = datetime.now(UTC)


def put(
    store: tuple[StoredRoot, ...], text: str, *, capacity: int = 4, checked: bool = False
) -> tuple[StoredRoot, ...]:
    return install(store, CSMS_ROOT, text, NOW, capacity=capacity, checks_new_root=checked)


def cross_signed(new: Issuer, old: Issuer) -> str:
    return pem(old.issue("New root", new.certificate.public_key(), ca=True))  # type: ignore[arg-type]


def test_the_same_root_again_replaces_itself() -> None:
    """2.x M05.FR.17."""
    text = pem(new_root().certificate)
    assert len(put(put((), text), text)) == 1


def test_a_full_store_refuses() -> None:
    store = put((), pem(new_root().certificate), capacity=1)
    with pytest.raises(RootRefused, match="StoreFull"):
        put(store, pem(new_root().certificate), capacity=1)


@pytest.mark.parametrize("kind", ["garbage", "two", "leaf", "expired"])
def test_refuses_what_is_no_root(kind: str) -> None:
    root = new_root()
    texts = {
        "garbage": "no certificate",
        "two": pem(root.certificate) + pem(new_root().certificate),
        "leaf": pem(root.issue("leaf", ec_key().public_key())),
        "expired": pem(new_root(end=timedelta(days=-1)).certificate),
    }
    with pytest.raises(RootRefused):
        put((), texts[kind])


def test_additional_root_must_be_signed_by_the_old_one() -> None:
    """AdditionalRootCertificateCheck: WP3 M05.FR.08-13, 2.x M05.FR.09-12."""
    old, new = new_root("Old"), new_root("New root")
    store = put((), pem(old.certificate), checked=True)
    with pytest.raises(RootRefused, match="NotSignedByOldRoot"):
        put(store, pem(new.certificate), checked=True)
    assert len(put(store, cross_signed(new, old), checked=True)) == 2


def test_a_cross_signed_root_is_named_by_its_issuer() -> None:
    old, new = new_root("Old"), new_root("New root")
    store = put(put((), pem(old.certificate)), cross_signed(new, old))
    root, name = named(store)[1]
    assert name == name_certificate(root.certificate, old.certificate)
    assert [entry.kind for entry, _ in named(store[1:])] == []


def test_finds_a_root_by_upper_case_hashes() -> None:
    root = new_root()
    store = (StoredRoot(MANUFACTURER_ROOT, root.certificate),)
    name = name_certificate(root.certificate, root.certificate, "SHA512")
    shouted = type(name)(
        name.algorithm, *(part.upper() for part in (name.issuer_name_hash, name.issuer_key_hash, name.serial))
    )
    assert find(store, shouted) == store[0]
