"""Passkeys: whose, for what, once, and only from our own pages (WebAuthn Level 2, §7)."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pki.audit import AuditTrail
from pki.store import Store
from tests.web.passkey_device import PRESENT, Device, decoded
from web.accounts import Accounts
from web.errors import PasskeyRefused, RequestRefused, SettingsWrong, UnknownPasskey
from web.passkeys import Passkeys
from web.permissions import Role
from web.schema import migrate
from web.settings import read_settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN, SITE = "https://voltward.example", "voltward.example"
ABOUT = {"act": "approve firmware", "firmware": "f1", "digest": "00" * 32}


class World:
    """Passkeys of ada and ben over an empty database, with a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.store = Store(f"sqlite:///{folder / 'passkeys.db'}")
        self.trail = AuditTrail(bytes(32), "main")
        migrate(self.store)
        accounts = Accounts(self.store, self.trail, timedelta(hours=12), lambda: self.now)
        for name in ("ada", "ben"):
            accounts.add_user(name, Role.OPERATOR, "operator")
        self.passkeys = Passkeys(self.store, self.trail, ORIGIN, lambda: self.now)

    def device(self, user: str = "ada", origin: str = ORIGIN, site: str = SITE) -> Device:
        device = Device(origin, site)
        self.passkeys.add(user, "my key", device.make(self.passkeys.begin_adding(user)))
        return device

    def acts(self) -> list[str]:
        with self.store.reading() as session:
            return [record.act for record in self.trail.records(session) if record.act.startswith("passkey:")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("passkeys"))
    yield world
    world.store.close()


@pytest.fixture(autouse=True)
def _at_the_start(world: World) -> None:
    world.now = START
    for one in world.passkeys.of():
        world.passkeys.remove(one.id, "test", "")


def refused(world: World, answer: str, user: str = "ada", about: Any = ABOUT) -> str:
    with pytest.raises(PasskeyRefused) as raised:
        world.passkeys.prove(user, about, answer)
    return raised.value.sentence


def test_evidence_holds_without_us(world: World) -> None:
    device = world.device()
    evidence = json.loads(world.passkeys.prove("ada", ABOUT, device.sign(world.passkeys.challenge("ada", ABOUT))))
    about = json.loads(evidence["about"])
    assert ABOUT.items() <= about.items()
    assert about["user"] == "ada"
    client = decoded(evidence["clientDataJSON"])
    assert decoded(json.loads(client)["challenge"]) == hashlib.sha256(evidence["about"].encode()).digest()
    key = cbor2.loads(decoded(evidence["public_key"]))
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(key[-2]), int.from_bytes(key[-3]), ec.SECP256R1())
    signed = decoded(evidence["authenticatorData"]) + hashlib.sha256(client).digest()
    numbers.public_key().verify(decoded(evidence["signature"]), signed, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        numbers.public_key().verify(decoded(evidence["signature"]), signed + b"x", ec.ECDSA(hashes.SHA256()))
    assert world.passkeys.of("ada")[0].last_used_at == START


def test_an_answer_is_good_once(world: World) -> None:
    device = world.device()
    answer = device.sign(world.passkeys.challenge("ada", ABOUT))
    world.passkeys.prove("ada", ABOUT, answer)
    assert refused(world, answer) == "this was answered before, or too late"


def test_an_answer_is_good_for_five_minutes(world: World) -> None:
    device = world.device()
    answer = device.sign(world.passkeys.challenge("ada", ABOUT))
    world.now += timedelta(minutes=5)
    assert refused(world, answer) == "this was answered before, or too late"


def test_what_was_signed_for_one_image_does_not_approve_another(world: World) -> None:
    device = world.device()
    answer = device.sign(world.passkeys.challenge("ada", ABOUT))
    assert refused(world, answer, about={**ABOUT, "digest": "11" * 32}) == "the passkey signed something else than this"
    adding = device.sign(world.passkeys.begin_adding("ada"))
    assert refused(world, adding) == "the passkey signed something else than this"


def test_a_passkey_speaks_for_its_owner_alone(world: World) -> None:
    of_ada, of_ben = world.device("ada"), world.device("ben")
    asked = world.passkeys.challenge("ada", ABOUT)
    assert refused(world, of_ben.sign(asked)) == "the passkey's answer does not hold"
    assert refused(world, of_ada.sign(world.passkeys.challenge("ada", ABOUT)), user="ben").startswith("this was")
    assert world.acts()[-1] == "passkey:refused"


@pytest.mark.parametrize("wrong", ["origin", "site", "not verified", "counter back", "signature", "kind"])
def test_an_answer_must_be_right_in_every_part(world: World, wrong: str) -> None:
    device = world.device()
    world.passkeys.prove("ada", ABOUT, device.sign(world.passkeys.challenge("ada", ABOUT)))
    asked = world.passkeys.challenge("ada", ABOUT)
    if wrong == "origin":  # a page of somebody else's that looks like ours
        device.origin = "https://voltward.example.evil"
    elif wrong == "site":
        device.site = "evil.example"
    elif wrong == "not verified":
        device.flags = PRESENT
    elif wrong == "counter back":  # a copy of the key is about
        device.count -= 1
    answer = json.loads(device.sign(asked))
    if wrong == "signature":
        answer["response"]["signature"] = json.loads(Device(ORIGIN, SITE).sign(asked))["response"]["signature"]
    elif wrong == "kind":
        answer["response"] = json.loads(device.make(asked))["response"]
    assert refused(world, json.dumps(answer)) == "the passkey's answer does not hold"


@pytest.mark.parametrize("wrong", ["origin", "site", "not verified"])
def test_a_passkey_is_added_from_our_own_pages(world: World, wrong: str) -> None:
    device = Device(
        "http://voltward.example" if wrong == "origin" else ORIGIN, "evil.example" if wrong == "site" else SITE
    )
    if wrong == "not verified":
        device.flags = PRESENT
    with pytest.raises(PasskeyRefused, match="does not hold"):
        world.passkeys.add("ada", "key", device.make(world.passkeys.begin_adding("ada")))
    assert world.passkeys.of() == []


def test_nobody_takes_over_anothers_passkey(world: World) -> None:
    device = world.device("ada")
    with pytest.raises(PasskeyRefused, match="on record already"):
        world.passkeys.add("ben", "mine", device.make(world.passkeys.begin_adding("ben")))
    with pytest.raises(UnknownPasskey):
        world.passkeys.remove(world.passkeys.of("ada")[0].id, "user:ben", "", "ben")
    assert [one.user for one in world.passkeys.of()] == ["ada"]


def test_who_has_none_is_told_where_to_add_one(world: World) -> None:
    with pytest.raises(PasskeyRefused, match="no passkey") as raised:
        world.passkeys.challenge("ada", ABOUT)
    assert "/account" in raised.value.hint


def test_challenges_that_nobody_answers_do_not_pile_up(world: World) -> None:
    device = world.device()
    first = world.passkeys.challenge("ada", ABOUT)
    for _ in range(20):
        last = world.passkeys.challenge("ada", ABOUT)
        world.now += timedelta(seconds=1)
    assert refused(world, device.sign(first)).startswith("this was answered before")
    assert world.passkeys.prove("ada", ABOUT, device.sign(last))
    world.now += timedelta(minutes=6)
    world.passkeys.forget_ended()
    assert refused(world, device.sign(last)).startswith("this was answered before")


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "two\nlines"])
def test_a_name_is_short_and_printable(world: World, name: str) -> None:
    options = world.passkeys.begin_adding("ada")
    with pytest.raises(RequestRefused):
        world.passkeys.add("ada", name, Device(ORIGIN, SITE).make(options))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_hostile_answers_are_refused_in_a_sentence(world: World, data: st.DataObject) -> None:
    device = world.device()
    good = json.loads(device.sign(world.passkeys.challenge("ada", ABOUT)))
    part = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "id", "rawId", "type", ""]))
    junk = data.draw(st.text(max_size=60) | st.binary(max_size=60).map(lambda octets: octets.hex()) | st.none())
    where = good["response"] if part in good["response"] else good
    where[part] = junk
    answer = json.dumps(good) if part else str(junk)
    assert refused(world, answer)
    world.passkeys.remove(world.passkeys.of("ada")[0].id, "test", "")


NO_ANSWERS = ("[" * 9000, "null", "{}", '{"response": []}', "x" * 30_000, '{"response": {"clientDataJSON": 1}}')


@pytest.mark.parametrize("text", NO_ANSWERS)
def test_what_is_no_answer_at_all_is_refused(world: World, text: str) -> None:
    assert refused(world, text) == "the browser sent no passkey's answer"


@pytest.mark.parametrize(
    "url", ["http://voltward.example", "https://10.0.0.1", "https://[::1]", "https://a.example/path", "https://u@a.example"]
)  # fmt: skip
def test_a_console_url_must_be_one_that_passkeys_can_belong_to(tmp_path: Path, url: str) -> None:
    needed = {"VOLTWARD_ORGANISATION": "Test", "VOLTWARD_HOSTNAMES": "localhost"}
    with pytest.raises(SettingsWrong, match="VOLTWARD_CONSOLE_URL"):
        read_settings(tmp_path, {**needed, "VOLTWARD_CONSOLE_URL": url})
    right = read_settings(tmp_path, {**needed, "VOLTWARD_CONSOLE_URL": "https://Voltward.example/"})
    assert right.web.console_origin == "https://voltward.example"
