"""Tokens of CI systems, from an issuer of our own: what is believed, what is not, and that each is for one image."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from pydantic import ValidationError

from csms_bridge.status.fetcher import Fetcher
from csms_bridge.status.targets import AllowList
from pki.clock import utc_now
from web.app import make_app
from web.errors import ClaimsRefused, IssuerAway, TokenRefused
from web.oidc import OidcIssuer, Unread, believe
from web.oidc_door import OidcDoor
from web.oidc_keys import IssuerKeys
from web.service import Service
from web.settings import read_settings

ISSUER = "https://ci.example"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "two"})
RULES = [
    {"name": "wallbox", "claims": {"repository": "acme/fw", "ref": "refs/tags/v*"}, "vendor": "Acme", "model": "Wall*"}
]
SETTINGS = OidcIssuer.model_validate({"issuer": ISSUER, "audience": "voltward", "rules": RULES})
NOW = utc_now()


def claims(now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    seconds = int(now.timestamp())
    said = {
        "iss": ISSUER, "aud": "voltward", "iat": seconds, "nbf": seconds, "exp": seconds + 300, "jti": "j1",
        "sub": "repo:acme/fw", "repository": "acme/fw", "ref": "refs/tags/v1",
    }  # fmt: skip
    return {name: value for name, value in (said | changes).items() if value is not None}


def token(key: Any = KEY, algorithm: str = "ES256", now: datetime = NOW, **changes: Any) -> str:
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims(now, **changes), key, algorithms=[algorithm])


def judged(text: str) -> Any:
    return believe(Unread.of(text), SETTINGS, KeySet([KEY, OTHER]), NOW)


@pytest.mark.parametrize(("key", "algorithm"), [(KEY, "ES256"), (OTHER, "RS256"), (OTHER, "PS256")])
def test_a_good_token_is_believed(key: Any, algorithm: str) -> None:
    found = judged(token(key, algorithm))
    assert (found.name, found.jti) == ("oidc:wallbox", "j1")
    assert judged(token(aud=["other", "voltward"])).name == "oidc:wallbox"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "other"}, "another audience"), ({"aud": None}, "another audience"),
        ({"exp": int(NOW.timestamp()) - 61}, "expired"), ({"exp": None}, "no end"), ({"exp": True}, "not a time"),
        ({"exp": "soon"}, "not a time"), ({"exp": 10**30}, "not a time"),
        ({"exp": int(NOW.timestamp()) + 90_000}, "longer than a day"),
        ({"nbf": int(NOW.timestamp()) + 61}, "not valid yet"), ({"iat": int(NOW.timestamp()) + 61}, "not valid yet"),
        ({"iss": "https://evil.example"}, "another issuer"), ({"jti": None}, "no id"), ({"jti": "x" * 201}, "no id"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_token_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenRefused, match=words):
        judged(token(**changes))


def test_clocks_may_differ_by_a_minute() -> None:
    seconds = int(NOW.timestamp())
    assert judged(token(exp=seconds - 30, iat=seconds - 300, nbf=None))
    assert judged(token(iat=seconds + 30, nbf=seconds + 30))


@pytest.mark.parametrize("changes", [{"repository": "evil/fw"}, {"ref": "refs/heads/main"}, {"ref": None}, {"ref": 7}])
def test_claims_that_no_rule_is_for_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ClaimsRefused, match="no rule"):
        judged(token(**changes))


def test_only_signatures_with_public_keys_count() -> None:
    """RFC 8725 §2.1: `none`, and HS256 with the published key as the secret."""
    good = token()
    public = json.dumps(KEY.as_dict(private=False))
    forged = jwt.encode({"alg": "HS256", "kid": "one"}, claims(), OctKey.import_key(public), algorithms=["HS256"])
    header = urlsafe_b64encode(b'{"alg":"none","kid":"one"}').decode().rstrip("=")
    unsigned = f"{header}.{good.split('.')[1]}."
    stranger = ECKey.generate_key("P-256", {"kid": "one"})
    tampered = good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")
    for text in (forged, unsigned, token(stranger), tampered):
        with pytest.raises(TokenRefused, match="signature"):
            judged(text)


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "a.b", "e30.e30.x", "W10.W10.x", "x" * 20_000])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        Unread.of(text)


@pytest.mark.parametrize(
    "change",
    [{"issuer": "http://ci.example"}, {"jwks_url": "http://ci.example/k"}, {"rules": []}, {"audience": ""},
     {"rules": [{**RULES[0], "claims": {}}]}],
)  # fmt: skip
def test_settings_that_are_not_safe_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OidcIssuer.model_validate({"issuer": ISSUER, "audience": "voltward", "rules": RULES, **change})


def test_issuers_can_be_given_in_the_environment() -> None:
    given = json.dumps([{"issuer": ISSUER, "audience": "voltward", "rules": RULES}])
    settings = read_settings(None, {"VOLTWARD_ORGANISATION": "Example", "VOLTWARD_OIDC": given})
    assert settings.web.oidc == (SETTINGS,)


# --- the issuer's keys


def answered(text: str) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(text.encode()))


class Issuer:
    """An issuer of our own: what it publishes, and how often somebody looked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [KEY]
        self.looks = 0
        self.away = False
        self.configuration = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        self.now = NOW
        self.addresses = ["192.88.99.1", "93.184.216.34"]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.looks += 1
        if self.away:
            return httpx.Response(500)
        if request.url.path.endswith("openid-configuration"):
            return answered(json.dumps(self.configuration))
        weird = {"kty": "oct", "k": "AAAA", "kid": "x"}
        listed = [weird, 7, *(key.as_dict(private=False) for key in self.keys)]
        return answered(json.dumps({"keys": listed}))

    async def resolve(self, host: str, port: int) -> list[str]:
        return self.addresses

    def fetcher(self) -> Fetcher:
        return Fetcher(
            AllowList.of(["public"]), utc_now, patience=5, per_minute=100, resolve=self.resolve,
            transport=httpx.MockTransport(self.answer),
        )  # fmt: skip

    def book(self) -> IssuerKeys:
        return IssuerKeys(self.fetcher, lambda: self.now)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def test_keys_are_found_by_discovery_and_remembered(issuer: Issuer) -> None:
    book = issuer.book()
    for _ in range(3):
        assert [key.kid for key in book.of(SETTINGS, "one").keys] == ["one"]
    assert issuer.looks == 2  # the configuration and the keys


def test_a_new_key_is_fetched_and_made_up_ones_do_not_make_us_call_for_each(issuer: Issuer) -> None:
    book = issuer.book()
    book.of(SETTINGS, "one")
    issuer.keys = [KEY, OTHER]
    assert len(book.of(SETTINGS, "two").keys) == 1
    issuer.now += timedelta(minutes=1)
    assert len(book.of(SETTINGS, "two").keys) == 2
    looks = issuer.looks
    for number in range(20):
        book.of(SETTINGS, f"made-up-{number}")
    assert issuer.looks == looks


def test_an_issuer_that_is_away_stops_builds_only_after_a_day(issuer: Issuer) -> None:
    book = issuer.book()
    book.of(SETTINGS, "one")
    issuer.away, issuer.now = True, NOW + timedelta(hours=2)
    assert book.of(SETTINGS, "one").keys
    issuer.now = NOW + timedelta(days=1, hours=1)
    with pytest.raises(IssuerAway):
        book.of(SETTINGS, "one")


@pytest.mark.parametrize(
    "configuration",
    [{"issuer": "https://evil.example", "jwks_uri": f"{ISSUER}/keys"}, {"issuer": ISSUER, "jwks_uri": "http://ci.example/k"},
     {"issuer": ISSUER}],
)  # fmt: skip
def test_a_configuration_that_leads_astray_is_not_followed(issuer: Issuer, configuration: dict[str, str]) -> None:
    issuer.configuration = configuration
    with pytest.raises(IssuerAway):
        issuer.book().of(SETTINGS, "one")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_an_address_inside_is_not_called(issuer: Issuer, address: str) -> None:
    """CWE-918: as with certificate status."""
    issuer.addresses = [address]
    with pytest.raises(IssuerAway):
        issuer.book().of(SETTINGS, "one")
    assert issuer.looks == 0


# --- over REST

FIRMWARE = "/api/v1/firmware"
ORDER = {"vendor": "Acme", "model": "Wall 1", "version": "1", "digest": hashlib.sha256(b"image").hexdigest()}
Post = Callable[..., Any]


@pytest.fixture
async def ci(service: Service, issuer: Issuer) -> AsyncIterator[Post]:
    door = OidcDoor(service.store, [SETTINGS], ["public"], lambda: issuer.now, issuer.book())
    transport = httpx.ASGITransport(make_app(replace(service, oidc=door)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://voltward") as client:

        async def post(text: str, path: str = FIRMWARE, **changes: Any) -> httpx.Response:
            return await client.post(path, json={**ORDER, **changes}, headers={"Authorization": f"Bearer {text}"})

        yield post


async def test_a_job_signs_without_a_stored_secret(ci: Post) -> None:
    signed = await ci(token())
    assert (signed.status_code, signed.json()["state"], signed.json()["requested_by"]) == (
        201,
        "signed",
        "oidc:wallbox",
    )


async def test_a_token_is_for_one_image_and_asking_again_is_no_replay(ci: Post) -> None:
    text = token()
    first = await ci(text)
    assert (await ci(text)).json() == first.json()
    assert (await ci(text, scheme="rsa-pss-sha256")).status_code == 201
    replayed = await ci(text, version="2")
    assert (replayed.status_code, "used already" in replayed.json()["detail"]) == (401, True)
    assert (await ci(token(jti="j2"), version="2")).status_code == 201


@pytest.mark.parametrize(
    ("changes", "order", "status"),
    [({"aud": "x"}, {}, 401), ({"exp": 1}, {}, 401), ({"iss": "https://x.example"}, {}, 401), ({"ref": "x"}, {}, 403),
     ({}, {"vendor": "Other"}, 403), ({}, {"model": "Pole"}, 403)],
)  # fmt: skip
async def test_what_is_refused_says_why(ci: Post, changes: dict[str, Any], order: dict[str, str], status: int) -> None:
    refused = await ci(token(**changes), **order)
    assert (refused.status_code, bool(refused.json()["detail"])) == (status, True)


async def test_a_job_may_do_nothing_else(ci: Post) -> None:
    for path in ("/api/v1/tokens", "/api/v1/firmware-rules", f"{FIRMWARE}/x/approve"):
        assert (await ci(token(), path)).status_code == 403


async def test_used_tokens_are_forgotten_once_they_are_over(ci: Post, service: Service, issuer: Issuer) -> None:
    await ci(token())
    door = OidcDoor(service.store, [SETTINGS], ["public"], lambda: NOW + timedelta(minutes=20), issuer.book())
    door.forget_ended()
    with service.store.reading() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM oidc_uses").scalar() == 0
