"""Keys in a token: they stay there, a wrong PIN is not tried twice, and a token that was away is found again."""

import secrets

import pytest
from pkcs11 import Attribute, Mechanism, ObjectClass

from pki.errors import SignerUnavailable, VaultUnavailable
from pki.keys import KeyAlgorithm, verify_signature
from pki.pkcs11 import TokenVault
from pki.secret_text import Secret
from tests.pki.places import SOFTHSM, SoftToken
from tests.tools_needed import needs

pytestmark = needs("softhsm2-util", "softhsm2")
EC, RSA = KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_3072


@pytest.fixture
def name() -> str:
    return f"k-{secrets.token_hex(4)}"


@pytest.mark.parametrize("algorithm", [EC, RSA])
def test_a_private_key_is_made_in_the_token_and_cannot_leave_it(
    soft_token: SoftToken, name: str, algorithm: KeyAlgorithm
) -> None:
    vault = soft_token.vault()
    vault.make_signer(name, algorithm)

    def attributes(session) -> dict[Attribute, bool]:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name)
        wanted = ("SENSITIVE", "EXTRACTABLE", "NEVER_EXTRACTABLE", "ALWAYS_SENSITIVE", "LOCAL", "PRIVATE", "DECRYPT")
        return {one: key[Attribute[one]] for one in wanted}

    found = vault._run(name, attributes)
    assert [one for one, value in found.items() if value] == [
        "SENSITIVE", "NEVER_EXTRACTABLE", "ALWAYS_SENSITIVE", "LOCAL", "PRIVATE",
    ]  # fmt: skip


def test_a_token_that_was_away_is_found_again(soft_token: SoftToken, name: str) -> None:
    vault = soft_token.vault()
    signer = vault.make_signer(name, EC)
    with soft_token.pulled_out():
        for act in (lambda: signer.sign(b"x"), lambda: vault.holds(name), lambda: soft_token.vault().signer(name)):
            with pytest.raises(VaultUnavailable) as caught:
                act()
            assert caught.value.name == "PKCS#11 token voltward"
    assert verify_signature(signer.public_key, signer.sign(b"x"), b"x")


def test_a_wrong_pin_is_told_and_tried_once_only(soft_token: SoftToken) -> None:
    soft_token.make("other")
    vault = soft_token.vault("other", Secret.of("9999"))
    for _ in range(5):  # a token that counts would be locked by now
        with pytest.raises(VaultUnavailable, match="does not take the PIN") as caught:
            vault.holds("k")
        assert "9999" not in str(caught.value)
    assert not soft_token.vault("other").holds("k")


def test_a_module_or_token_that_is_not_there_is_told() -> None:
    for vault, why in (
        (TokenVault(SOFTHSM.with_name("nothing.so"), "voltward", Secret.of("1"), 1), "cannot be loaded"),
        (TokenVault(SOFTHSM, "nothing", Secret.of("1"), 1), "no such token"),
    ):
        with pytest.raises(VaultUnavailable, match=why):
            vault.signer("root")


def test_what_the_token_cannot_do_is_no_outage(soft_token: SoftToken, name: str) -> None:
    signer = soft_token.vault().make_signer(name, EC)
    with pytest.raises(SignerUnavailable, match="cannot do that") as caught:
        signer._made(bytes(32), Mechanism.AES_CBC, None)
    assert not isinstance(caught.value, VaultUnavailable)
