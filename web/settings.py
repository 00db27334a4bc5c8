"""The settings of the whole service: one object, a section per room, made at start and passed down.

Names are flat for the operator: `VOLTWARD_OCPP_PORT` in the environment, `ocpp_port` in the data folder's
voltward.toml; the environment wins over the file, the file over the defaults. A name that is no setting is an
error, because a misspelt one would otherwise silently leave the default in force.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from csms_bridge.settings import BridgeSettings
from csms_bridge.status.targets import AllowList
from pki.custody import CustodySettings
from pki.settings import PkiSettings
from web.errors import SettingsWrong
from web.oidc import OidcIssuer

PREFIX = "VOLTWARD_"
TOML_NAME = "voltward.toml"
# Read by the command line itself: which service to call, and how much to say.
_MAY_BE_EMPTY = {
    "passphrase", "passphrase_file", "checkpoint_file", "tsa_roots", "webhook_secret", "webhook_secret_file",
    "authority_keys",
    "authority_passphrase", "authority_passphrase_file", "pkcs11_module", "pkcs11_pin", "pkcs11_pin_file",
    "signer_socket", "signer_log", "signer_log_keep", "ocpp_tls_port_policy",
}  # fmt: skip
_LISTS = {"hostnames", "signer_users", "ocpp_proxy_peers", "ocpp_edge_peers", "status_responders", "oidc_hosts"}
_NOT_SETTINGS = {"URL", "TOKEN", "DEBUG", "BACKUP_PASSPHRASE", "NEW_PASSPHRASE"}


class WebSettings(BaseModel):
    """Console, API, and what belongs to the process as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8080, ge=0, le=65535)
    web_tls_host: str = "0.0.0.0"  # noqa: S104 -- stations are elsewhere; EST makes each prove itself
    web_tls_port: int | None = Field(default=None, ge=0, le=65535)
    """Console, API and EST over TLS with our own server certificate; None is off."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """This process's own numbers, also where it has no console; None is off."""
    database_url: str = Field(default="", pattern=r"^(|sqlite:///.*|postgresql(\+psycopg)?://.*)$")
    """Empty means SQLite in the data folder."""
    passphrase: SecretStr | None = None
    passphrase_file: Path | None = None
    checkpoint_file: Path | None = None
    """The copy of the audit trail's checkpoints outside the database; else `checkpoints.jsonl` in the data folder."""
    node: str = Field(default="main", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Names this process in the audit trail; each node of a larger installation has its own."""
    session_lifetime: timedelta = timedelta(hours=12)
    console_url: str = Field(default="", max_length=200)
    """Where people reach the console, for passkeys, which belong to a host name; empty means localhost."""
    secure_cookies: bool = False
    """Send the session cookie over https only; switch on where a TLS proxy stands in front."""
    command_timeout: timedelta = timedelta(seconds=40)
    """How long POST /stations/{id}/commands waits for the station's answer."""
    upload_limit: int = Field(default=4 * 1024**3, ge=1024)
    """Bytes of one uploaded firmware image."""
    oidc: tuple[OidcIssuer, ...] = ()
    """CI systems whose tokens may have firmware signed, with rules about claims."""
    oidc_hosts: tuple[str, ...] = ("public",)
    """Where their keys may be fetched: `public`, host names, networks."""
    webhook_url: str = Field(default="", max_length=2000)
    """Where alarms are sent by POST; empty means nowhere."""
    webhook_secret: SecretStr | None = None
    """Signs what is sent."""
    webhook_secret_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("oidc_hosts")
    @classmethod
    def _places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        AllowList.of(value)
        return value

    @field_validator("webhook_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not _is_plain_address(value):
            raise ValueError("must look like https://host/path, without a name or password in it")
        return value

    @field_validator("console_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        if value and not _is_origin(value.rstrip("/")):
            raise ValueError("must look like https://host or https://host:port, with a host name and no path")
        return value.rstrip("/").lower()

    @property
    def console_origin(self) -> str:
        """The origin (RFC 6454) of the console's pages."""
        return self.console_url or f"http://localhost:{self.web_port}"

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.webhook_url and self.webhook_secret is None and self.webhook_secret_file is None:
            raise ValueError("webhook_url needs webhook_secret or webhook_secret_file, which signs what is sent")
        return self


def _is_origin(text: str) -> bool:
    if not _is_plain_address(text):
        return False
    parts = urlsplit(text)
    if parts.path or parts.query or parts.fragment or not re.search("[a-z]", (parts.hostname or "").rpartition(".")[2]):
        return False
    return parts.scheme == "https" or parts.hostname == "localhost"  # browsers have no passkeys elsewhere


def _is_plain_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in {"http", "https"} and text.isascii() and text.isprintable() and " " not in text


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "pki": PkiSettings, "custody": CustodySettings, "bridge": BridgeSettings, "web": WebSettings,
}  # fmt: skip


class Settings(BaseModel):
    """Everything an operator can decide. Frozen; read it with `read_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pki: PkiSettings
    custody: CustodySettings
    bridge: BridgeSettings
    web: WebSettings


def read_settings(folder: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force for the data folder. Raises SettingsWrong with the name of the culprit."""
    from_file = _flat_file(folder / TOML_NAME) if folder else {}
    from_environment = _flat_environment(environment)
    _refuse_unknown(from_file, _in_file)
    _refuse_unknown(from_environment, _in_environment)
    values = from_file | from_environment
    merged = {section: _known_to(model, values) for section, model in _SECTIONS.items()}
    _derive(merged)
    try:
        return Settings.model_validate(merged)
    except ValidationError as wrong:
        raise _explain(wrong, from_environment) from None


def _known_to(section: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in section.model_fields}


def _refuse_unknown(values: Mapping[str, Any], spell: Callable[[str], str]) -> None:
    for name in values:
        if not any(name in section.model_fields for section in _SECTIONS.values()):
            raise SettingsWrong(spell(name), "there is no such setting", _nearest(name, spell))


def _in_file(name: str) -> str:
    return f"{name} in {TOML_NAME}"


def _in_environment(name: str) -> str:
    return PREFIX + name.upper()


def _flat_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in environment.items():
        bare = name.removeprefix(PREFIX)
        if bare == name or bare in _NOT_SETTINGS:
            continue
        found[bare.lower()] = _parse(bare.lower(), value)
    return found


def _parse(name: str, value: str) -> Any:
    """Environment variables are text: lists are separated by commas, ports may be `off`."""
    if name in _LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    if name == "oidc":
        return _json(value)
    if value == "" and name in _MAY_BE_EMPTY:
        return None
    return _off(name, value)


def _json(value: str) -> Any:
    try:
        return json.loads(value or "[]")
    except ValueError:
        raise SettingsWrong(_in_environment("oidc"), "is not JSON") from None


def _off(name: str, value: Any) -> Any:
    return (
        None
        if name in {"ocpp_port", "ocpp_tls_port", "web_tls_port", "metrics_port"} and value in {"off", ""}
        else value
    )


def _flat_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return {name: _off(name, value) for name, value in tomllib.loads(text).items()}
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsWrong(str(path), f"is not valid TOML: {fault}") from None


def _derive(merged: dict[str, dict[str, Any]]) -> None:
    """Where nothing was said, certificates point at the address on which this service can be reached."""
    if "public_url" not in merged["pki"]:
        host = merged["web"].get("web_host", WebSettings.model_fields["web_host"].default)
        port = merged["web"].get("web_port", WebSettings.model_fields["web_port"].default)
        if host in {"0.0.0.0", "::", ""}:  # noqa: S104 -- compared, not bound
            host = next(iter(merged["pki"].get("hostnames", ())), "localhost")
        shown = f"[{host}]" if ":" in str(host) else host
        merged["pki"]["public_url"] = f"http://{shown}:{port}"


def _explain(wrong: ValidationError, from_environment: Mapping[str, Any]) -> SettingsWrong:
    first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    section, *field = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not field:
        return SettingsWrong(f"values of {section}", message)
    spell = _in_environment if field[0] in from_environment else _in_file
    return SettingsWrong(spell(field[0]), message)


def _nearest(name: str, spell: Callable[[str], str]) -> str:
    known = [field for section in _SECTIONS.values() for field in section.model_fields]
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {spell(near[0])}?" if near else ""
