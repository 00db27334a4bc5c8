"""Where a station may have us call, and where not."""

from ipaddress import ip_address

import pytest

from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.targets import AllowList, Target, is_public, read_target

PUBLIC = AllowList.of(["public"])
WEB = read_target("http://ocsp.example/")


@pytest.mark.parametrize(
    ("url", "expected", "header"),
    [
        ("http://ocsp.example", Target("http", "ocsp.example", 80, "/"), "ocsp.example"),
        ("HTTPS://OCSP.Example./a?b=c#d", Target("https", "ocsp.example", 443, "/a?b=c"), "ocsp.example"),
        ("http://ocsp.example:8080/x", Target("http", "ocsp.example", 8080, "/x"), "ocsp.example:8080"),
        ("http://[2001:db8::1]:81/", Target("http", "2001:db8::1", 81, "/"), "[2001:db8::1]:81"),
    ],
)
def test_takes_a_url_apart(url, expected, header):
    target = read_target(url)
    assert (target, target.authority) == (expected, header)


@pytest.mark.parametrize(
    "url",
    [
        "", "ocsp.example", "ftp://ocsp.example/", "file:///etc/passwd", "gopher://ocsp.example/", "http:///x",
        "http://user:secret@ocsp.example/", "http://ocsp.example@10.0.0.1/", "http://ocsp.example:99999/",
        "http://ocsp.example/\r\nHost: x", "http://ocsp example/", "http://ocsp.example\\@10.0.0.1/", "http://[fe80::1%25eth0]/",
        "http://ocsp.example/" + "a" * 2000, "http://ocsp.exämple/", "http://[::1/",
    ],
)  # fmt: skip
def test_calls_nothing_else(url):
    with pytest.raises(StatusUnavailable) as refused:
        read_target(url)
    assert refused.value.code == "InvalidURL"


def test_the_pinned_url_names_the_address_and_keeps_the_rest():
    target = read_target("https://ocsp.example:8443/a?b=c")
    assert target.at(ip_address("192.0.2.7")) == "https://192.0.2.7:8443/a?b=c"
    assert target.at(ip_address("2001:db8::7")) == "https://[2001:db8::7]:8443/a?b=c"


@pytest.mark.parametrize("address", ["8.8.8.8", "2600::1"])
def test_public_addresses(address):
    assert is_public(ip_address(address))
    assert PUBLIC.permits(WEB, ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0",  # noqa: S104
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:a00:1::", "2002:0808:0808::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_every_other_address_is_refused(address):
    assert not PUBLIC.permits(WEB, ip_address(address))


@pytest.mark.parametrize(
    ("port", "permitted"), [(80, True), (443, True), (8080, True), (22, False), (25, False), (0, False)]
)
def test_a_public_address_is_called_on_web_ports_and_high_ones(port, permitted):
    assert PUBLIC.permits(read_target(f"http://ocsp.example:{port}/"), ip_address("8.8.8.8")) is permitted


def test_a_listed_network_may_be_private_and_have_any_port():
    allowed = AllowList.of(["10.2.0.0/16", "::1"])
    odd = read_target("http://ocsp.example:99/")
    assert allowed.permits(odd, ip_address("10.2.3.4"))
    assert allowed.permits(odd, ip_address("::ffff:10.2.3.4"))
    assert allowed.permits(odd, ip_address("::1"))
    assert not allowed.permits(odd, ip_address("10.3.3.4"))
    assert not allowed.permits(WEB, ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("ocsp.hub.example", True),
        ("a.mo.example", True),
        ("b.a.mo.example", True),
        ("mo.example", False),
        ("xmo.example", False),
    ],
)
def test_a_listed_name_is_called_at_public_addresses_only(host, permitted):
    allowed = AllowList.of(["ocsp.hub.example", ".mo.example"])
    target = read_target(f"http://{host}/")
    assert allowed.permits(target, ip_address("8.8.8.8")) is permitted
    assert not allowed.permits(target, ip_address("10.0.0.1"))


def test_an_empty_list_allows_nothing():
    assert not AllowList.of([]).permits(WEB, ip_address("8.8.8.8"))


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0", "http://ocsp.example", "a b", "", ".", "*.example"])
def test_a_wrong_entry_is_an_error(entry):
    with pytest.raises(ValueError, match=r"host name|does not appear|host bits"):
        AllowList.of([entry])
