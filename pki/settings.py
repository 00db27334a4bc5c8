"""What the operator decides about the authority. One object, made at start and passed down."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# RFC 1123 §2.1 host names; no wildcards, since many stations compare the name literally.
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def is_ip_address(name: str) -> bool:
    """Whether `name` spells an IPv4 or IPv6 address, without brackets."""
    if "." not in name and ":" not in name:  # most names of stations, without an exception for each
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_host_name(name: str) -> bool:
    """Whether `name` is a lower-case DNS name (no wildcard) or an IP address."""
    return is_ip_address(name) or _HOST_NAME.fullmatch(name) is not None


class PkiSettings(BaseModel):
    """The authority's settings. Validities include the backdating: a server certificate lives 23 h in all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation: str = Field(min_length=1, max_length=64)  # X.520 ub-organization-name; A00.FR.509
    hostnames: tuple[str, ...] = ("localhost",)  # the first becomes the CN; A00.FR.510
    public_url: str = "http://127.0.0.1:8080"  # base of the AIA, CRL and OCSP addresses
    offline: bool = False  # the folder of a machine without a network: its authorities answer no OCSP

    root_validity: timedelta = timedelta(days=20 * 365)
    issuing_validity: timedelta = timedelta(days=10 * 365)
    firmware_validity: timedelta = timedelta(days=3 * 365)
    ca_backdate: timedelta = timedelta(hours=48)
    station_validity: timedelta = timedelta(days=90)
    station_ceiling: timedelta = timedelta(days=366)
    station_backdate: timedelta = timedelta(hours=24)  # wrong clocks are the field norm
    server_validity: timedelta = timedelta(hours=23)  # A00.FR.701: less than 24 h
    server_backdate: timedelta = timedelta(hours=1)
    responder_validity: timedelta = timedelta(days=7)
    audit_validity: timedelta = timedelta(days=365)

    crl_validity: timedelta = timedelta(days=7)
    crl_refresh: timedelta = timedelta(hours=6)
    crl_shards: int = Field(default=16, ge=1, le=4096)
    ocsp_validity: timedelta = timedelta(hours=24)
    ocsp_cache_size: int = Field(default=20_000, ge=0, le=10_000_000)  # answers of some 2 KiB
    publication_max_age: timedelta = timedelta(minutes=1)  # a cache that kept a list longer would hide a revocation

    checkpoint_every: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))

    firmware_request_life: timedelta = Field(default=timedelta(days=7), ge=timedelta(minutes=1))
    firmware_only_by_rule: bool = False  # a vendor and model that no rule is about is refused
    firmware_attachment_limit: int = Field(default=8 * 1024**2, ge=1024)  # bytes of one SBOM or provenance

    signer_wait: timedelta = Field(default=timedelta(seconds=3), ge=timedelta(0), le=timedelta(minutes=1))

    tsa_url: str = Field(default="", pattern=r"^(|https?://\S+)$")  # RFC 3161 over HTTP
    tsa_roots: Path | None = None  # PEM; needed with tsa_url

    # An alarm's row tells that it was raised before; the widest warning of stations begins 30 days before a week.
    keep_alarms: timedelta = Field(default=timedelta(days=365), ge=timedelta(days=60))

    # Stations in the field leave O empty or at the maker's default, so a difference is recorded, not refused.
    strict_organisation: bool = False

    @field_validator("organisation")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("the organisation must be plain printable text without blanks at its ends")
        return value

    @field_validator("hostnames")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.lower() for name in value)
        for name in names:
            if not is_host_name(name):
                raise ValueError(f"{name!r} is neither a host name nor an IP address")
        if not names:
            raise ValueError("at least one host name is needed")
        if len(names[0]) > 64:
            raise ValueError("the first host name becomes the CN and may have 64 characters (X.520)")
        return tuple(dict.fromkeys(names))

    @field_validator("public_url")
    @classmethod
    def _plain_http(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError("public_url must look like http://host:port")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _stamps_are_checked(self) -> Self:
        if self.tsa_url and self.tsa_roots is None:
            raise ValueError("tsa_url needs tsa_roots: a stamp that nobody can check is worth nothing")
        return self

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if self.crl_refresh * 2 > self.crl_validity:
            raise ValueError("crl_validity must be at least twice crl_refresh, so that one failure is survived")
        if self.station_validity > self.station_ceiling:
            raise ValueError("station_validity must not exceed station_ceiling")
        for name in ("station", "server"):
            if getattr(self, f"{name}_backdate") * 2 > getattr(self, f"{name}_validity"):
                raise ValueError(f"{name}_backdate must be less than half of {name}_validity")
        if self.issuing_validity > self.root_validity or self.station_ceiling > self.issuing_validity:
            raise ValueError("an issuer must live longer than what it issues")
        return self
