"""What an edge may say, in three spellings, and what is refused of it."""

from base64 import b64encode
from ipaddress import ip_network
from urllib.parse import quote

import pytest

from csms_bridge.edge_headers import (
    BrokenEdgeHeader,
    EdgeForm,
    read_address,
    read_certificate,
    read_cipher,
    read_tls_version,
)
from csms_bridge.named_peers import NamedPeers
from tests.pki.makers import maker_root

ROOT = maker_root()
LINE = ROOT.below("Volt Motors Line 3")
PEM, ABOVE = LINE.pem.decode(), ROOT.pem.decode()
DER, ABOVE_DER = (b64encode(each).decode() for each in (LINE.der, ROOT.der))


def envoy(**pairs: str) -> str:
    return ";".join(f'{key}="{quote(value, safe="")}"' for key, value in pairs.items())


@pytest.mark.parametrize(
    ("form", "value", "chain", "others"),
    [
        (EdgeForm.PEM, quote(PEM), "", 0),
        (EdgeForm.PEM, quote(PEM, safe=""), "", 0),
        (EdgeForm.PEM, quote(PEM + ABOVE), "", 1),
        (EdgeForm.ENVOY, envoy(Cert=PEM), "", 0),
        (EdgeForm.ENVOY, envoy(Chain=PEM + ABOVE, Cert=PEM), "", 1),
        (EdgeForm.ENVOY, envoy(Chain=PEM + ABOVE), "", 1),
        (EdgeForm.ENVOY, f'By=spiffe://x;Hash=abc;Subject="CN=a,O=\\"b\\";x";{envoy(cert=PEM)};URI=', "", 0),
        (EdgeForm.ENVOY, f"Hash=forged,{envoy(Cert=PEM)}", "", 0),  # the last element is the edge's own
        (EdgeForm.RFC9440, f":{DER}:", "", 0),
        (EdgeForm.RFC9440, f":{DER}:", f":{ABOVE_DER}:, :{DER}:", 2),
    ],
)
def test_reads_a_certificate(form: EdgeForm, value: str, chain: str, others: int) -> None:
    shown = read_certificate(form, value, chain)
    assert shown is not None
    assert shown.leaf == LINE.certificate
    assert len(shown.others) == others


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (EdgeForm.PEM, ""),
        (EdgeForm.PEM, "-"),
        (EdgeForm.ENVOY, ""),
        (EdgeForm.ENVOY, "Hash=abc"),
        (EdgeForm.RFC9440, " "),
    ],
)
def test_a_station_may_have_shown_none(form: EdgeForm, value: str) -> None:
    assert read_certificate(form, value) is None


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (EdgeForm.PEM, "(null)"),
        (EdgeForm.PEM, quote(PEM)[:-40]),
        (EdgeForm.PEM, quote(PEM) + "x"),
        (EdgeForm.PEM, quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")),
        (EdgeForm.PEM, quote("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")),
        (EdgeForm.PEM, quote(PEM * 7)),
        (EdgeForm.ENVOY, f'Cert="{quote(PEM)}'),
        (EdgeForm.ENVOY, f"{envoy(Cert=PEM)};{envoy(Cert=ABOVE)}"),
        (EdgeForm.ENVOY, envoy(Cert=PEM, Chain=ABOVE)),  # whose certificate is it?
        (EdgeForm.ENVOY, "Cert"),
        (EdgeForm.RFC9440, DER),
        (EdgeForm.RFC9440, f":{DER}:,:{ABOVE_DER}:"),
        (EdgeForm.RFC9440, ":A:"),
        (EdgeForm.RFC9440, ":AAAA:"),
    ],
)
def test_refuses_what_it_cannot_read(form: EdgeForm, value: str) -> None:
    with pytest.raises(BrokenEdgeHeader):
        read_certificate(form, value)


@pytest.mark.parametrize(
    ("told", "proto", "version"),
    [
        ("TLSv1.2", "", "TLSv1.2"),
        ("TLSv1.3", "https", "TLSv1.3"),
        ("", "wss", "TLS"),
        ("", "HTTPS", "TLS"),
        ("", "http", None),
        ("-", "ws", None),
        ("", "", None),  # an edge that says nothing vouches for nothing
    ],
)
def test_counts_as_tls_when_the_edge_says_so(told: str, proto: str, version: str | None) -> None:
    assert read_tls_version(told, proto) == version


@pytest.mark.parametrize(
    ("told", "proto"), [("TLSv1.1", "https"), ("SSLv3", ""), ("TLSv1.2", "http"), ("yes", ""), ("", "gopher")]
)
def test_refuses_old_tls_and_contradictions(told: str, proto: str) -> None:
    """A00.FR.313/.416 hold behind an edge as well."""
    with pytest.raises(BrokenEdgeHeader):
        read_tls_version(told, proto)


EDGES = NamedPeers([ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first was written by whoever dialled
        ("203.0.113.7, 10.0.0.2", "203.0.113.7"),  # two edges in a row
        ("garbage, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("10.0.0.3", None),
        ("", None),
    ],
)
def test_the_stations_address_is_the_last_that_is_no_edge(header: str, address: str | None) -> None:
    assert read_address(header, EDGES) == address


@pytest.mark.parametrize("header", ["unknown", "203.0.113.7, _hidden", "203.0.113.7;10.0.0.1"])
def test_refuses_an_address_that_is_none(header: str) -> None:
    with pytest.raises(BrokenEdgeHeader):
        read_address(header, EDGES)


def test_a_suite_is_taken_when_it_looks_like_one() -> None:
    assert read_cipher("ECDHE-ECDSA-AES128-GCM-SHA256") == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert read_cipher("<b>") is None
    assert read_cipher("") is None
