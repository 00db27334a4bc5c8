"""The ceremony file: what can be said in it, and the sentence for everything that cannot."""

from datetime import timedelta

import pytest

from pki.ceremony_file import LONGEST, read_plan
from pki.default_hierarchy import DEFAULT_HIERARCHY
from pki.errors import CeremonyRefused
from pki.hierarchy import AuthorityKind, HierarchyName
from pki.keys import KeyAlgorithm

HEAD = 'title = "T"\n'
ROOT = '[[root]]\nname = "root"\n'
STATIONS = '[[issuing]]\nname = "stations"\nparent = "root"\npost = "stations"\n'


def refused(text: str, **existing: HierarchyName) -> tuple[str, ...]:
    with pytest.raises(CeremonyRefused) as caught:
        read_plan(text, existing)
    return caught.value.findings


def test_the_default_hierarchy_is_such_a_file() -> None:
    plan = read_plan(DEFAULT_HIERARCHY)
    assert len(plan.authorities) == 8
    posts = {(one.post, one.algorithm.family) for one in plan.authorities}
    assert len(posts) == 8
    assert plan.text == DEFAULT_HIERARCHY


def test_everything_that_can_be_said_is_understood() -> None:
    plan = read_plan(
        HEAD
        + """
        public_url = "http://pki.example"
        [[root]]
        name = "acme-root"
        hierarchy = "operator"
        algorithm = "ec-p384"
        common_name = "Acme Root G1"
        organisation = "Acme Trust"
        validity = "25y"
        path_length = 2
        [[issuing]]
        name = "below"
        parent = "between"
        post = "stations"
        crl_shards = 4
        validity = "1800d"
        [[issuing]]
        name = "between"
        parent = "acme-root"
        path_length = 1
        [[cross]]
        authority = "acme-root"
        issuer = "root"
        validity = "5y"
        """,
        {"root": HierarchyName.OPERATOR},
    )
    root, between, below = plan.authorities
    assert (root.kind, root.algorithm, root.common_name) == (AuthorityKind.ROOT, KeyAlgorithm.EC_P384, "Acme Root G1")
    assert (root.organisation, root.validity, root.path_length) == ("Acme Trust", timedelta(days=25 * 365), 2)
    assert (between.name, between.post, between.path_length) == ("between", "", 1)
    assert (below.name, below.crl_shards, below.validity) == ("below", 4, timedelta(days=1800))
    assert [one.name for one in plan.lineage("below")] == ["below", "between", "acme-root"]
    assert plan.crosses[0].validity == timedelta(days=5 * 365)
    assert plan.public_url == "http://pki.example"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "title: this key is missing"),
        (HEAD, "the file asks for nothing"),
        ("title = ", "the file is not TOML"),
        ("a = " + "[" * 3000, "the file is not TOML"),
        (HEAD + "x" * LONGEST, "longer than 65536 octets"),
        (HEAD + 'roots = "x"\n' + ROOT, "roots: there is no such key"),
        (HEAD + ROOT + 'serial = "1"', '[[root]] "root", serial: there is no such key'),
        (HEAD + "[[root]]\nname = 5", '[[root]] "5", name: '),
        (HEAD + "[[root]]\n", "[[root]] 1, name: this key is missing"),
        (HEAD + 'root = "x"', "root: "),
        (HEAD + "root = [1]", "[[root]] 1: "),
        (HEAD + '[[root]]\nname = "../x"', '[[root]] "../x", name: '),
        (HEAD + '[[root]]\nname = "firmware"', "is the name of a firmware signer"),
        (HEAD + ROOT + 'algorithm = "rsa-2048"', '[[root]] "root", algorithm: 2048 bits are too few'),
        (HEAD + ROOT + 'algorithm = "dsa"', '[[root]] "root", algorithm: '),
        (HEAD + ROOT + "validity = 20", '[[root]] "root", validity: write it like "20y"'),
        (HEAD + ROOT + 'validity = "0y"', 'write it like "20y"'),
        (HEAD + ROOT + 'validity = "51y"', "no authority lives longer than 50 years"),
        (HEAD + ROOT + 'validity = "99999y"', "no authority lives longer than 50 years"),
        (HEAD + ROOT + "path_length = -1", '[[root]] "root", path_length: '),
        (HEAD + ROOT + "path_length = true", '[[root]] "root", path_length: '),
        (HEAD + ROOT + 'common_name = " x"', "plain printable text"),
        (HEAD + ROOT + 'common_name = "a\\u0007"', "plain printable text"),
        (HEAD + ROOT + f'common_name = "{"x" * 65}"', '[[root]] "root", common_name: '),
        (HEAD + ROOT + ROOT, "the name 'root' stands in the file twice"),
        (HEAD + ROOT + STATIONS + STATIONS, "the name 'stations' stands in the file twice"),
        (HEAD + STATIONS, "there is no authority 'root', neither in this file nor here"),
        (HEAD + '[[issuing]]\nname = "a"\nparent = "a"', "'a' leads back to this authority"),
        (
            HEAD + '[[issuing]]\nname = "a"\nparent = "b"\n[[issuing]]\nname = "b"\nparent = "a"',
            "'b' leads back to this authority",
        ),
        (HEAD + ROOT + STATIONS.replace('post = "stations"', 'post = "kitchen"'), '[[issuing]] "stations", post: '),
        (HEAD + ROOT + STATIONS.replace('post = "stations"', ""), 'choose "stations" or "csms"'),
        (HEAD + ROOT + STATIONS + "path_length = 1", "path_length: an authority for stations certifies no authorities"),
        (HEAD + ROOT + STATIONS + "crl_shards = 0", '[[issuing]] "stations", crl_shards: '),
        (
            HEAD + ROOT + STATIONS + STATIONS.replace('name = "stations"', 'name = "other"'),
            "'stations' fills the post 'stations' with an ec-p256 key already",
        ),
        (
            HEAD + ROOT + '[[cross]]\nauthority = "root"\nissuer = "nobody"',
            '[[cross]] "root" by "nobody", issuer: there is no authority',
        ),
        (HEAD + ROOT + '[[cross]]\nauthority = "root"\nissuer = "root"', "does not cross-certify itself"),
    ],
)
def test_what_cannot_be_is_refused_with_its_table_and_key(text: str, sentence: str) -> None:
    findings = refused(text)
    assert any(sentence in finding for finding in findings), findings


def test_firmware_signers_have_nothing_between_them_and_the_manufacturers_root() -> None:
    """L01: the firmware signing certificate stands directly under the manufacturer's root."""
    findings = refused(HEAD + STATIONS.replace('"root"', '"maker"'), maker=HierarchyName.MANUFACTURER)
    assert "firmware signers stand directly under the manufacturer's root" in findings[0]


def test_the_two_hierarchies_are_not_cross_certified() -> None:
    maker = '[[root]]\nname = "maker"\nhierarchy = "manufacturer"\n'
    findings = refused(HEAD + ROOT + maker + '[[cross]]\nauthority = "root"\nissuer = "maker"')
    assert "stay apart" in findings[0]


def test_all_findings_are_told_at_once() -> None:
    findings = refused(HEAD + ROOT + 'validity = "x"\nalgorithm = "y"\nsize = 1')
    assert len(findings) == 3


def test_ten_megabytes_are_refused_before_they_are_parsed() -> None:
    assert refused(HEAD + "# " + "x" * 10_000_000) == (f"the file is longer than {LONGEST} octets",)
