"""What may be odd about a kind of station, as values; without a row a station does what OCPP asks."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, Field, Strict, TypeAdapter, ValidationError

from pki.keys import KeyFamily, SignatureScheme


class PasswordForm(StrEnum):
    """How a 1.6 station reads AuthorizationKey."""

    HEX = "hex"
    TEXT = "text"


class Chain(StrEnum):
    """What CertificateSigned has to carry."""

    LEAF = "leaf"
    SUB = "sub"
    ROOT = "root"


class Roots(StrEnum):
    """Which of our roots a station can use: what its TLS is able to do."""

    BOTH = "both"
    EC = "ec"
    RSA = "rsa"


class NewRoot(StrEnum):
    """What becomes of the CSMS roots that a station holds when another one comes."""

    ADDED = "added"
    REPLACES = "replaces"
    SIGNED_BY_OLD = "signed-by-old"


class RestartRule(StrEnum):
    """Whether a 1.6 station must be restarted for a new profile."""

    IF_STAYED = "if-stayed"
    ALWAYS = "always"
    NEVER = "never"


class RestartWay(StrEnum):
    """Which kind of restart it takes."""

    IDLE = "idle"
    NOW = "now"
    GENTLY = "gently"


class Asks(StrEnum):
    """What makes a station send SignCertificate."""

    ON_TRIGGER = "on-trigger"
    AFTER_RESTART = "after-restart"
    BY_ITSELF = "by-itself"


class Priority(StrEnum):
    """What NetworkConfigurationPriority has to list."""

    NEW_AND_OLD = "new-and-old"
    ALL_SLOTS = "all-slots"


def _template(value: str) -> str:
    try:
        named = [
            f"{name}{spec}{change or ''}" for _, name, spec, change in Formatter().parse(value) if name is not None
        ]
    except ValueError as error:
        raise ValueError(f"{error}: write it like {{url}}/{{id}}") from None
    if not set(named) <= {"url", "id"}:
        raise ValueError("only {url} and {id} are filled in")
    if "url" not in named:
        raise ValueError("it must hold {url}: where the service is met")
    return value


class Protocol(StrEnum):
    """By which kind of address a station fetches files."""

    HTTP = "http"
    HTTPS = "https"
    FTP = "ftp"
    FTPS = "ftps"
    SFTP = "sftp"


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each once")
    return values


@dataclass(frozen=True, slots=True)
class Says:
    """What a key means, for people."""

    text: str


Flag = Annotated[bool, Strict()]
Number = Annotated[int, Strict()]
Text = Annotated[str, Strict()]
PasswordLength = Annotated[Number, Field(ge=16, le=40)]
ChainLength = Annotated[Number, Field(ge=500, le=10_000)]
Room = Annotated[Number, Field(ge=1, le=100)]
SignatureLength = Annotated[Number, Field(ge=90, le=800)]
SigningCertificateLength = Annotated[Number, Field(ge=500, le=5_500)]
Schemes = Annotated[tuple[SignatureScheme, ...], Field(min_length=1), AfterValidator(_each_once)]
Protocols = Annotated[tuple[Protocol, ...], AfterValidator(_each_once)]
Slots = Annotated[tuple[Annotated[Number, Field(ge=0, le=100)], ...], Field(max_length=20)]


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is known of stations of a kind. Each default is what OCPP asks, or what serves every station."""

    password_form: Annotated[
        PasswordForm, Says("1.6: AuthorizationKey is hexadecimal, or the `text` of the password itself")
    ] = PasswordForm.HEX
    password_bytes: Annotated[
        PasswordLength | None,
        Says("how long a new password is, in bytes; without it 20. 1.6 asks for 16 to 20, 2.x for 16 to 40"),
    ] = None
    chain: Annotated[
        Chain, Says("CertificateSigned carries the `leaf` alone, the leaf and the authorities below the root, or all")
    ] = Chain.SUB
    leaf_last: Annotated[Flag, Says("the chain in CertificateSigned begins at the top and ends with the leaf")] = False
    longest_chain: Annotated[
        ChainLength | None, Says("characters of a chain that it takes, if that is less than it says itself")
    ] = None
    roots: Annotated[
        Roots, Says("which of our two roots are of use to its TLS; its own certificates are issued under that one")
    ] = Roots.BOTH
    room_for_roots: Annotated[Room | None, Says("how many CSMS roots it keeps; with room for 1 it gets one")] = None
    new_root: Annotated[
        NewRoot, Says("a new CSMS root comes beside those it has, `replaces` them, or must be `signed-by-old`")
    ] = NewRoot.ADDED
    lists_roots: Annotated[Flag, Says("GetInstalledCertificateIds tells which roots it holds")] = True
    roots_from_profile: Annotated[
        Annotated[Number, Field(ge=0, le=2)],
        Says("it takes no root below this profile: what it needs before that is installed on site"),
    ] = 0
    works_while_pending: Annotated[Flag, Says("it does certificate work while it is told Pending")] = True
    restart: Annotated[
        RestartRule, Says("1.6: whether it is restarted for a new profile: `if-stayed` on the line, `always`, `never`")
    ] = RestartRule.IF_STAYED
    restart_way: Annotated[RestartWay, Says("Reset: when `idle`, `now`, or `gently` (1.6 Soft)")] = RestartWay.IDLE
    drops_first: Annotated[
        Flag,
        Says("1.6: it drops the line before it answers a change of profile, and refuses it when it is asked again"),
    ] = False
    url_key: Annotated[
        Annotated[Text, Field(max_length=50)],
        Says("1.6: its maker's own key for the CSMS's address, written once the profile was raised to TLS"),
    ] = ""
    url_value: Annotated[
        Annotated[Text, Field(max_length=500), AfterValidator(_template)],
        Says("what is written there; `{url}` is the service's address, `{id}` the identity"),
    ] = "{url}/{id}"
    asks: Annotated[
        Asks, Says("it sends SignCertificate when triggered, only `after-restart`, or only `by-itself`")
    ] = Asks.ON_TRIGGER
    needs_country: Annotated[Flag, Says("2.x: CountryName is written whatever it tells of it")] = False
    slots: Annotated[Slots, Says("2.x: the connection slots that it has, where it does not report them")] = ()
    priority: Annotated[
        Priority, Says("2.x: NetworkConfigurationPriority names the new and the old slot, or `all-slots`")
    ] = Priority.NEW_AND_OLD
    walks_to: Annotated[
        Annotated[Number, Field(ge=0, le=3)], Says("the highest profile that it can be walked to over OCPP")
    ] = 3
    firmware_schemes: Annotated[
        Schemes,
        Says("firmware: which signatures it can check, the one to sign with first; never told by the key alone"),
    ] = tuple(SignatureScheme)
    longest_signature: Annotated[
        SignatureLength | None, Says("firmware: characters of a base64 signature that it takes; OCPP has room for 800")
    ] = None
    longest_signing_certificate: Annotated[
        SigningCertificateLength | None,
        Says("firmware: characters of a signing certificate that it takes; OCPP has room for 5,500"),
    ] = None
    signing_certificate_in_one_line: Annotated[
        Flag, Says("firmware: it reads the PEM of the signing certificate only without line breaks")
    ] = False
    firmware_retries: Annotated[
        Flag, Says("firmware: it takes `retries` and `retryInterval`; else it is left to choose them")
    ] = True
    firmware_waits: Annotated[
        Flag, Says("firmware: it can begin later than it is asked (DownloadScheduled, InstallScheduled)")
    ] = True
    firmware_from: Annotated[
        Protocols, Says("firmware: the kinds of address that it fetches an image from, where it does not tell them")
    ] = ()
    tells_installed: Annotated[
        Flag, Says("firmware: its last word is Installed; else the version that it comes back with is the proof")
    ] = True

    @property
    def issuer_family(self) -> KeyFamily | None:
        """The hierarchy that issues for such stations; None where the key in the request tells it.

        A station checks the chain that it gets against its roots: one that knows RSA only could not, under the EC root.
        """
        return None if self.roots is Roots.BOTH else KeyFamily(self.roots.value)

    def odd(self) -> dict[str, Any]:
        """The keys that differ from what OCPP asks."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}


USUAL = Quirks()
QuirksOf = Callable[[Sequence[str]], Mapping[str, Quirks]]
"""What is odd about each of these stations, by identity."""


def nothing_odd(stations: Sequence[str]) -> Mapping[str, Quirks]:
    """Every station does what OCPP asks."""
    return dict.fromkeys(stations, USUAL)


_HINTS = get_type_hints(Quirks, include_extras=True)
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(hint) for name, hint in _HINTS.items()}
DEFAULTS: Mapping[str, Any] = MappingProxyType({one.name: one.default for one in fields(Quirks)})
MEANINGS: Mapping[str, str] = MappingProxyType(
    {name: next(one.text for one in hint.__metadata__ if isinstance(one, Says)) for name, hint in _HINTS.items()}
)


def check_value(key: str, value: object) -> Any:
    """A key's value from TOML or JSON. Raises ValueError, in words, when the key is unknown or the value is wrong."""
    if key not in DEFAULTS:
        raise ValueError(f"there is no such key; known are {', '.join(sorted(DEFAULTS))}")
    try:
        return _ADAPTERS[key].validate_python(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def spell(values: Mapping[str, Any]) -> str:
    """Keys and values as JSON, in order."""
    return json.dumps(dict(values), sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=256)
def read_spelt(text: str) -> Quirks:
    """The inverse, for what was stored: a key that this program does not know any more is passed over."""
    stored = json.loads(text) if text else {}
    return Quirks(**{key: _ADAPTERS[key].validate_python(value) for key, value in stored.items() if key in DEFAULTS})
