"""Keys in AWS KMS, as moto plays it: made there, found by alias, and bounded in time when AWS does not answer."""

import secrets
import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from pki.errors import KeyExists, SignerUnavailable, VaultUnavailable
from pki.keys import KeyAlgorithm, verify_signature
from pki.kms import KmsVault, _translated
from tests.pki.places import kms_vault

EC = KeyAlgorithm.EC_P256


@pytest.fixture
def name() -> str:
    return f"k-{secrets.token_hex(4)}"


@pytest.fixture
def deaf() -> Iterator[str]:
    """Somebody who takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def aws(endpoint: str) -> object:
    return boto3.client("kms", region_name="eu-central-1", endpoint_url=endpoint)


def test_a_key_is_for_signing_only_and_has_our_alias(kms_endpoint: str, name: str) -> None:
    kms_vault(kms_endpoint).make_signer(name, EC)
    found = aws(kms_endpoint).describe_key(KeyId=f"alias/voltward-{name}")["KeyMetadata"]
    assert (found["KeyUsage"], found["KeySpec"]) == ("SIGN_VERIFY", "ECC_NIST_P256")


def test_prefixes_keep_installations_apart(kms_endpoint: str, name: str) -> None:
    kms_vault(kms_endpoint).make_signer(name, EC)
    assert not kms_vault(kms_endpoint, prefix="other").holds(name)


def test_a_key_that_came_second_is_given_back(kms_endpoint: str, name: str) -> None:
    vault = kms_vault(kms_endpoint)
    vault.make_signer(name, EC)
    kept = {one["KeyId"] for one in aws(kms_endpoint).list_keys()["Keys"]}
    vault.holds = lambda _: False  # as it looks to one who asked a moment before
    with pytest.raises(KeyExists):
        vault.make_signer(name, EC)
    (extra,) = {one["KeyId"] for one in aws(kms_endpoint).list_keys()["Keys"]} - kept
    assert aws(kms_endpoint).describe_key(KeyId=extra)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_an_alias_that_is_pointed_elsewhere_changes_no_key_in_use(kms_endpoint: str, name: str) -> None:
    vault = kms_vault(kms_endpoint)
    signer = vault.make_signer(name, EC)
    other = aws(kms_endpoint).create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    aws(kms_endpoint).update_alias(AliasName=f"alias/voltward-{name}", TargetKeyId=other)
    assert verify_signature(signer.public_key, signer.sign(b"x"), b"x")


def test_silence_is_an_outage_within_bounded_time(deaf: str) -> None:
    vault = kms_vault(deaf, seconds=0.3)
    began = time.monotonic()
    with pytest.raises(VaultUnavailable, match="AWS KMS"):
        vault.signer("root")
    assert time.monotonic() - began < 10


def test_nobody_listening_is_an_outage(deaf: str) -> None:
    with pytest.raises(VaultUnavailable):
        kms_vault("http://127.0.0.1:1", seconds=0.3).holds("root")


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "ExpiredTokenException", "Odd"])
def test_what_aws_says_about_itself_is_an_outage(code: str) -> None:
    fault = _translated("root", ClientError({"Error": {"Code": code, "Message": "m"}}, "Sign"))
    assert isinstance(fault, VaultUnavailable)


@pytest.mark.parametrize(
    "code", ["NotFoundException", "DisabledException", "AccessDeniedException", "KMSInvalidStateException"]
)
def test_what_aws_says_about_a_key_concerns_that_key(code: str) -> None:
    fault = _translated("root", ClientError({"Error": {"Code": code, "Message": "m"}}, "Sign"))
    assert isinstance(fault, SignerUnavailable)
    assert not isinstance(fault, VaultUnavailable)
    assert fault.name == "root"


def test_without_credentials_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps what it found before
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    vault = KmsVault("voltward", "eu-central-1", "http://127.0.0.1:1", timedelta(seconds=1))
    with pytest.raises(VaultUnavailable, match="credentials"):
        vault.holds("k")
