"""Each clause lets a good specimen pass and names a bad one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pki.keys import KeyAlgorithm, generate_key
from pki.lint import CHECKS, lint
from pki.plans import Addresses, Issuer, Plan, name_of
from pki.profiles import profiles_of
from pki.settings import PkiSettings
from pki.to_be_signed import build_specimen

SERIAL = "1f" + "ab" * 15
PROFILES = profiles_of(PkiSettings(organisation="Acme"))
CA_KEY = generate_key(KeyAlgorithm.EC_P256)
LEAF_KEY = generate_key(KeyAlgorithm.EC_P256)
ISSUER = Issuer(
    name="stations",
    subject=name_of("Acme", "Station Authority"),
    public_key=CA_KEY.public_key(),
    algorithm=KeyAlgorithm.EC_P256,
    key_name="stations",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2036, 1, 1, tzinfo=UTC),
    crl_shards=16,
    chain_pem_length=900,
)
STATION = Plan(
    profile=PROFILES["station"],
    issuer=ISSUER,
    common_name="SN-1",
    organisation="Acme",
    public_key=LEAF_KEY.public_key(),
    not_before=datetime(2026, 11, 21, tzinfo=UTC),
    not_after=datetime(2027, 2, 18, 23, 59, 59, tzinfo=UTC),
    addresses=Addresses("http://pki.example"),
    station="CS-1",
)
SERVER = replace(
    STATION,
    profile=PROFILES["server"],
    common_name="csms.example",
    hostnames=("csms.example", "192.0.2.1"),
    not_after=datetime(2026, 11, 21, 22, 59, 59, tzinfo=UTC),
    station=None,
)
ROOT = replace(
    STATION,
    profile=PROFILES["root"],
    common_name="Station Authority",
    public_key=ISSUER.public_key,
    not_before=ISSUER.not_before,
    not_after=ISSUER.not_after,
    station=None,
)


def names(specimen: x509.Certificate, plan: Plan) -> set[str]:
    return {finding.split(":")[0] for finding in lint(specimen, plan)}


@pytest.mark.parametrize("plan", [STATION, SERVER, ROOT], ids=["station", "server", "root"])
def test_a_good_certificate_breaks_no_clause(plan: Plan) -> None:
    assert lint(build_specimen(plan, SERIAL), plan) == ()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_every_profile_builds_what_the_lint_expects(profile: str, family: str, rsa_key: rsa.RSAPrivateKey) -> None:
    key = LEAF_KEY.public_key() if family == "ec" else rsa_key.public_key()
    value = PROFILES[profile]
    end = STATION.not_before + min(value.validity, timedelta(days=3000)) - timedelta(seconds=1)
    hosts = ("csms.example",) if value.names_hosts else ()
    name = "csms.example" if value.names_hosts else "SN-1"
    plan = replace(STATION, profile=value, public_key=key, not_after=end, hostnames=hosts, common_name=name)
    assert lint(build_specimen(plan, SERIAL), plan) == ()


OTHER_KEY = generate_key(KeyAlgorithm.EC_P256).public_key()

# What was built differs from what was planned: the check that must notice, and the difference.
DIFFERENT: list[tuple[str, dict[str, Any]]] = [
    ("issuer_is_the_authority", {"issuer": replace(ISSUER, subject=name_of("Acme", "Other"))}),
    ("signature_suits_issuer", {"issuer": replace(ISSUER, algorithm=KeyAlgorithm.EC_P384)}),
    ("validity_is_within_bounds", {"not_after": STATION.not_after + timedelta(days=1)}),
    ("subject_is_name_and_organisation", {"common_name": "SN-2"}),
    ("subject_is_name_and_organisation", {"organisation": "Other"}),
    ("key_is_strong_and_planned", {"public_key": OTHER_KEY}),
    ("basic_constraints_suit", {"profile": replace(STATION.profile, is_authority=True)}),
    ("key_usage_suits", {"profile": replace(STATION.profile, ec_use=PROFILES["root"].ec_use)}),
    ("extended_key_usage_suits", {"profile": replace(STATION.profile, extended_use=PROFILES["server"].extended_use)}),
    ("alternative_names_suit", {"profile": replace(STATION.profile, names_hosts=True), "hostnames": ("x",)}),
    ("key_identifiers_chain", {"issuer": replace(ISSUER, public_key=OTHER_KEY)}),
    ("pointers_are_ours", {"addresses": Addresses("http://elsewhere.example")}),
    ("pointers_are_ours", {"issuer": replace(ISSUER, crl_shards=7)}),
    ("nothing_else_is_inside", {"profile": replace(STATION.profile, no_check=True)}),
    ("nothing_else_is_inside", {"profile": replace(STATION.profile, has_pointers=False)}),
]


@pytest.mark.parametrize(("check", "change"), DIFFERENT)
def test_notices_what_was_not_planned(check: str, change: dict[str, Any]) -> None:
    specimen = build_specimen(replace(STATION, **change), SERIAL)
    assert check in names(specimen, STATION)


# Built exactly as planned, but the plan itself breaks a clause.
PLANNED: list[tuple[str, Plan, str]] = [
    ("serial_is_random_and_short", STATION, "0f" + "ab" * 15),
    ("serial_is_random_and_short", STATION, "9f" + "ab" * 15),
    ("serial_is_random_and_short", STATION, "1234"),
    ("validity_is_within_bounds", replace(STATION, not_after=datetime(2036, 1, 1, 0, 0, 1, tzinfo=UTC)), SERIAL),
    ("validity_is_within_bounds", replace(STATION, not_before=datetime(2025, 1, 1, tzinfo=UTC)), SERIAL),
    ("validity_is_within_bounds", replace(STATION, not_after=datetime(2028, 1, 1, tzinfo=UTC)), SERIAL),
    ("station_name_is_no_address", replace(STATION, common_name="192.0.2.7"), SERIAL),
    ("station_name_is_no_address", replace(STATION, common_name="http://x"), SERIAL),
    ("alternative_names_suit", replace(SERVER, hostnames=("other.example",)), SERIAL),
    ("alternative_names_suit", replace(SERVER, common_name="*.x", hostnames=("*.x",)), SERIAL),
    ("chain_fits_the_station", replace(STATION, issuer=replace(ISSUER, chain_pem_length=5000)), SERIAL),
    ("chain_fits_the_station", replace(STATION, chain_above=5000), SERIAL),
]


@pytest.mark.parametrize(("check", "plan", "serial"), PLANNED)
def test_notices_a_plan_that_breaks_a_clause(check: str, plan: Plan, serial: str) -> None:
    assert check in names(build_specimen(plan, serial), plan)


def test_notices_a_weak_key() -> None:
    weak = ec.generate_private_key(ec.SECP224R1()).public_key()
    plan = replace(STATION, public_key=weak)
    assert "key_is_strong_and_planned" in names(build_specimen(plan, SERIAL), plan)


def rebuilt(alter: Callable[[x509.Extension[Any]], tuple[x509.ExtensionType, bool] | None]) -> x509.Certificate:
    """The station's specimen with its extensions altered one by one; None leaves one out."""
    good = build_specimen(STATION, SERIAL)
    builder = (
        x509.CertificateBuilder()
        .serial_number(good.serial_number)
        .issuer_name(good.issuer)
        .subject_name(good.subject)
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
        .public_key(STATION.public_key)
    )
    for extension in good.extensions:
        if (altered := alter(extension)) is not None:
            builder = builder.add_extension(*altered)
    return builder.sign(CA_KEY, hashes.SHA256())


def without(oid: x509.ObjectIdentifier) -> x509.Certificate:
    return rebuilt(lambda extension: None if extension.oid == oid else (extension.value, extension.critical))


@pytest.mark.parametrize(
    "oid",
    [
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ],
)
def test_notices_a_missing_extension(oid: x509.ObjectIdentifier) -> None:
    assert "nothing_else_is_inside" in names(without(oid), STATION)


def test_notices_extensions_that_should_be_critical() -> None:
    """RFC 5280 §4.2.1.3 and §4.2.1.9."""
    lax = rebuilt(lambda extension: (extension.value, False))
    assert names(lax, STATION) == {"basic_constraints_suit", "key_usage_suits"}


def test_notices_an_extended_use_that_opens_everything() -> None:
    greedy = replace(STATION.profile, extended_use=(AnyUse(),))  # type: ignore[arg-type]
    specimen = build_specimen(replace(STATION, profile=greedy), SERIAL)
    assert names(specimen, STATION) == {"extended_key_usage_suits", "nothing_else_is_inside"}


class AnyUse:
    """Stands in for a profile that somebody edited."""

    identifier = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def test_a_check_has_a_docstring_that_names_its_clause() -> None:
    for check in CHECKS:
        assert any(mark in (check.__doc__ or "") for mark in ("RFC", "FR.", "OCPP", "X.520")), check.__name__
