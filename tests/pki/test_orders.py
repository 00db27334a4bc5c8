"""The profile decides and the records name; the request is only compared."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pki.csr import read_request
from pki.errors import CsrRejected, IssuerEndsTooSoon, OrderRefused
from pki.keys import KeyAlgorithm, KeyFamily, PublicKey
from pki.orders import Decisions, Order
from pki.plans import Issuer, name_of
from pki.settings import PkiSettings
from tests.pki.requests import der_request, request_of

NOW = datetime(2026, 11, 22, 12, 0, 0, 999, tzinfo=UTC)
SETTINGS = PkiSettings(organisation="Acme Charging")
KEY = ec.generate_private_key(ec.SECP256R1())
CA_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def issuer(name: str, **changes: Any) -> Issuer:
    whole = Issuer(
        name=name,
        subject=name_of("Acme Charging", name),
        public_key=CA_KEY,
        algorithm=KeyAlgorithm.EC_P256,
        key_name=name,
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2040, 1, 1, tzinfo=UTC),
        crl_shards=16,
        chain_pem_length=900,
    )
    return replace(whole, **changes)


@dataclass(frozen=True)
class Found:
    """Issuers as the hierarchy names them by default."""

    find: Callable[[str], Issuer]

    def issuer_for(self, post: str, family: KeyFamily, _key: PublicKey | None = None) -> Issuer:
        return self.find(post if family is KeyFamily.EC else f"{post}-rsa")

    def issuer_named(self, name: str, post: str) -> Issuer:
        assert name.startswith(post)
        return self.find(name)


def decisions(find: Callable[[str], Issuer] = issuer, **changes: Any) -> Decisions:
    return Decisions(SETTINGS.model_copy(update=changes), Found(find))


def order(claimed: str | None = "SN-1", organisation: str | None = None, **changes: Any) -> Order:
    request = read_request(der_request(KEY, claimed, organisation))
    whole = Order(request, "station", "SN-1", station="CS-1")
    return replace(whole, **changes)


def test_the_subject_comes_from_our_records() -> None:
    plan = decisions().decide(order("maker SN-1 model", "Somebody Else"), NOW)
    assert plan.subject.rfc4514_string() == "CN=SN-1,O=Acme Charging"
    assert plan.station == "CS-1"


@pytest.mark.parametrize("claimed", ["SN-1", "sn-1", "Maker-SN-1", None])
def test_accepts_a_name_that_contains_the_serial_number(claimed: str | None) -> None:
    """A00.FR.405: the CN contains the serial number (1.6, 2.0.1)."""
    assert decisions().decide(order(claimed), NOW).common_name == "SN-1"


def test_refuses_a_request_for_somebody_else() -> None:
    with pytest.raises(CsrRejected) as caught:
        decisions().decide(order("SN-2"), NOW)
    assert caught.value.code == "wrong-common-name"


def test_another_organisation_is_recorded_and_refused_only_when_strict() -> None:
    odd = order(organisation="Default Corp")
    assert decisions().decide(odd, NOW)
    assert decisions().observations(odd)["note"] == "the organisation in the request differs from ours"
    with pytest.raises(CsrRejected) as caught:
        decisions(strict_organisation=True).decide(odd, NOW)
    assert caught.value.code == "wrong-organisation"


@pytest.mark.parametrize("organisation", [None, " acme charging "])
def test_strict_accepts_our_organisation_or_none(organisation: str | None) -> None:
    assert decisions(strict_organisation=True).decide(order(organisation=organisation), NOW)


def test_the_authority_follows_the_kind_of_key(rsa_key: rsa.RSAPrivateKey) -> None:
    by_rsa = replace(order(), request=read_request(der_request(rsa_key)))
    assert decisions().decide(order(), NOW).issuer.name == "stations"
    assert decisions().decide(by_rsa, NOW).issuer.name == "stations-rsa"


def test_an_order_may_name_the_issuer_for_a_station_that_needs_another() -> None:
    plan = decisions().decide(order(authority="stations-rsa"), NOW)
    assert plan.issuer.name == "stations-rsa"
    assert plan.key_family is KeyFamily.EC


def test_the_lifetime_is_the_profiles_backdated_and_ends_a_second_early() -> None:
    """RFC 5280 §4.1.2.5: both ends are inclusive."""
    plan = decisions().decide(order(), NOW)
    assert plan.not_before == datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    assert plan.not_after - plan.not_before + timedelta(seconds=1) == timedelta(days=90)


def test_an_ordered_validity_counts_from_now() -> None:
    plan = decisions().decide(order(validity=timedelta(hours=2)), NOW)
    assert plan.not_after == datetime(2026, 11, 22, 13, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("validity", [timedelta(0), timedelta(days=-1), timedelta(days=366)])
def test_refuses_a_validity_out_of_bounds(validity: timedelta) -> None:
    with pytest.raises(OrderRefused) as caught:
        decisions().decide(order(validity=validity), NOW)
    assert caught.value.field == "validity"


def test_refuses_to_outlive_the_issuer() -> None:
    end = datetime(2026, 12, 1, tzinfo=UTC)
    with pytest.raises(IssuerEndsTooSoon):
        decisions(lambda name: issuer(name, not_after=end)).decide(order(), NOW)


def test_never_starts_before_the_issuer() -> None:
    start = datetime(2026, 11, 22, 11, tzinfo=UTC)
    plan = decisions(lambda name: issuer(name, not_before=start)).decide(order(), NOW)
    assert plan.not_before == start


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"profile": "nonsense"}, "profile"),
        ({"profile": "root"}, "profile"),  # authorities are made by ceremony only
        ({"profile": "issuing"}, "profile"),
        ({"profile": "ocsp"}, "profile"),
        ({"station": None}, "station"),
        ({"profile": "server"}, "station"),
        ({"common_name": ""}, "common_name"),
        ({"common_name": "x" * 65}, "common_name"),
        ({"common_name": "SN-1\n"}, "common_name"),
        ({"common_name": "192.0.2.1"}, "common_name"),  # A00.FR.511
        ({"common_name": "wss://x/SN-1"}, "common_name"),
        ({"hostnames": ("x.example",)}, "hostnames"),
        ({"profile": "server", "station": None, "common_name": "*.example"}, "hostnames"),
    ],
)
def test_refuses_orders_that_make_no_sense(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(OrderRefused) as caught:
        decisions().decide(order(None, **wrong), NOW)
    assert caught.value.field == field


def test_a_server_names_all_its_hosts_and_the_first_is_the_name() -> None:
    server = order(None, profile="server", station=None, common_name="CSMS.example", hostnames=("10.0.0.1",))
    plan = decisions().decide(server, NOW)
    assert plan.hostnames == ("csms.example", "10.0.0.1")
    assert plan.common_name == "csms.example"


def test_extensions_of_a_request_leave_no_trace_in_the_plan() -> None:
    greedy = request_of(KEY, extensions=(x509.BasicConstraints(ca=True, path_length=None),))
    deciding = decisions()
    plain = deciding.decide(order(), NOW)
    request = read_request(greedy.public_bytes(Encoding.DER))
    found = deciding.decide(replace(order(), request=request), NOW)
    assert replace(found, issuer=plain.issuer) == plain


def test_what_the_request_claims_otherwise_is_told_to_the_audit_trail() -> None:
    deciding = decisions()
    assert deciding.observations(order("sn-1", "ACME  charging")) == {"organisation": "ACME  charging"}
    assert deciding.observations(order("Maker SN-1", "Acme Charging"))["common_name"] == "Maker SN-1"
    nameless = deciding.observations(order(None, None))
    assert nameless == {"note": "the request names no station; the request names no organisation"}
