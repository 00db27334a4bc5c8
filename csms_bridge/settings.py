"""Settings of the OCPP side."""

import re
from datetime import timedelta
from enum import StrEnum

from pydantic import Field, field_validator

from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.id_tokens import Policy
from csms_bridge.status.targets import PUBLIC, AllowList

_AS_BOOLEAN = {
    "true": Policy.YES,
    "1": Policy.YES,
    "on": Policy.YES,
    "false": Policy.NO,
    "0": Policy.NO,
    "off": Policy.NO,
}


class UnknownStations(StrEnum):
    """What is done about identities that nobody registered."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"


class BridgeSettings(EndpointSettings):
    """Where stations are met, what they are told, and how patient we are."""

    ocpp_public_url: str = ""
    """Where 2.x stations are sent for profiles 2 and 3 (`wss://host:port/path`, without the identity); empty
    means the first host name, the main port and /ocpp."""

    country: str = Field(default="NL", pattern="^[A-Z]{2}$")
    """ISO 3166 code written to a station that refuses to make a CSR without one."""

    heartbeat: timedelta = timedelta(minutes=5)
    pending_interval: timedelta = Field(default=timedelta(minutes=1), ge=timedelta(seconds=1), le=timedelta(days=1))
    """When a station that is told Pending asks again (B02.FR.03), and how often its lane is worked at."""
    authorize: Policy = Policy.NO
    """Whose token may charge when there is no upstream CSMS: nobody's, everybody's, those of the list."""

    status_responders: tuple[str, ...] = (PUBLIC,)
    """Where the status of foreign certificates may be asked: `public`, host names, `.domain`, addresses, networks."""
    status_timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """How long one responder has for its answer."""
    unknown_stations: UnknownStations = UnknownStations.REFUSE
    """Refused with 404, or let in as Pending so that a person can look at them; listed in both cases."""
    unknown_limit: int = Field(default=1000, ge=1, le=100_000)
    unknown_per_address: int = Field(default=50, ge=1)
    """How many are listed in all, and of one address (IPv6: of one /64)."""
    keep_unknown: timedelta = Field(default=timedelta(days=7), ge=timedelta(hours=1))
    """After one was seen last."""
    password_queue: int = Field(default=200, ge=1, le=100_000)
    """Passwords that people chose that may wait to be checked; one more is told to come again (503)."""
    status_questions_per_minute: int = Field(default=60, ge=1)
    """Questions to responders that one station may cause."""

    certificate_requests_per_hour: int = Field(default=20, ge=1)
    """SignCertificates of one station that are taken in; one that goes on asking beyond that is paused."""
    certificate_requests_quiet: timedelta = Field(default=timedelta(hours=1), ge=timedelta(minutes=1))
    """How long a paused station must not ask before it is listened to again."""

    log_upload_url: str = Field(default="", max_length=400)
    """Where stations upload their logs, without the path; empty means the public URL."""
    log_upload_within: timedelta = Field(default=timedelta(hours=2), ge=timedelta(minutes=1))
    """How long the address is good, from the moment that the station was asked."""
    log_upload_time: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))
    """How long one upload may take."""
    log_upload_limit: int = Field(default=64 * 1024 * 1024, ge=1024)
    """Octets of one log."""

    firmware_signed_only: bool = True
    """Refuse updates without a signature (L02)."""
    firmware_store: str = Field(default="", pattern=r"^(|s3://[^/\s?#@]+(/[^\s?#]*)?)$")
    """Where images are kept: empty is the data folder, else `s3://bucket/prefix`."""
    firmware_s3_endpoint: str = Field(default="", pattern=r"^(|https?://[^\s?#@]+)$")
    firmware_s3_region: str = ""
    """Of an S3-compatible store; empty is what boto3 finds by itself."""
    firmware_image_limit: int = Field(default=1024 * 1024 * 1024, ge=1024)
    """Octets of one image."""
    firmware_upload_life: timedelta = Field(default=timedelta(days=1), ge=timedelta(minutes=1))
    """How long an upload that broke off is kept to be gone on with."""
    firmware_url: str = Field(default="", max_length=400)
    """Where stations fetch images, without the path; empty means the public URL."""
    firmware_plain_url: str = Field(default="", max_length=400)
    """The same in clear (http://), for stations that say that they know no HTTPS; empty: they get the usual one."""
    firmware_link_life: timedelta = Field(default=timedelta(days=1), ge=timedelta(minutes=1))
    """How long a station's address of an image is good, from the time that it may begin."""
    firmware_link_once: bool = False
    """Whether it is over with the first whole download."""
    firmware_downloads_at_once: int = Field(default=200, ge=1, le=100_000)
    firmware_downloads_per_address: int = Field(default=20, ge=1, le=100_000)
    """Downloads that may be under way in all, and from one address."""
    firmware_requests_per_minute: int = Field(default=300, ge=1, le=1_000_000)
    """Of one address, guesses and all."""
    firmware_steady: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1), le=timedelta(days=7))
    """How long a station must stay connected with the new version before its update counts as done."""
    firmware_silence: timedelta = Field(default=timedelta(minutes=10), ge=timedelta(seconds=1))
    """Without news in the middle of an update before the station is asked how far it is."""
    firmware_version_within: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))
    """From Installed until the station has reported the version."""
    firmware_return_within: timedelta = Field(default=timedelta(minutes=45), ge=timedelta(seconds=1))
    """How long a station may be away in the middle of an update."""
    firmware_end_within: timedelta = Field(default=timedelta(hours=6), ge=timedelta(seconds=1))
    """How long a connected station may stay in one state of an update."""
    recovery_approvals: int = Field(default=0, ge=0, le=10)
    """How many people, besides the one who asked, must approve a station's way back before it is open."""

    renew_unasked: bool = True
    """Ask stations for a new certificate when two thirds of the lifetime of theirs are over."""
    renewals_per_minute: int = Field(default=60, ge=1, le=100_000)
    renewals_in_flight: int = Field(default=200, ge=1, le=100_000)
    """Stations that were asked and have not answered, and certificates that wait to be signed."""

    call_timeout: timedelta = timedelta(seconds=30)

    walk_settle: timedelta = timedelta(seconds=2)
    """Many stations drop the line about a second after a security setting; nothing is sent in this time."""
    walk_grace: timedelta = timedelta(seconds=15)
    """How long a station may be back on its old profile before its walk is put on hold."""
    walk_asleep: timedelta = Field(default=timedelta(days=30), ge=timedelta(days=1))
    """How long a walk waits for a station that is away or charges before it is put on hold."""
    tick: timedelta = timedelta(seconds=1)
    """How often due work is looked for: walks, commands, revocations by other processes."""
    renewal_check: timedelta = timedelta(minutes=1)
    """How often the server certificates are looked at; they are renewed when half their life is over."""

    list_roots_every: timedelta = Field(default=timedelta(days=30), ge=timedelta(0))
    """How old a station's list of its certificates may get; zero: stations are asked only after a change."""
    settings_unasked: bool = True
    """Read stations' settings without anybody asking; quiet stations never are."""
    settings_rate: float = Field(default=5.0, gt=0, le=1000)
    """Readings that may begin in a second: a fleet that comes back is not read all at once."""
    settings_pause: timedelta = timedelta(minutes=1)
    """After a station connected or booted it is asked nothing for this long."""
    settings_age: timedelta = Field(default=timedelta(days=7), ge=timedelta(hours=1))
    """Settings older than this are read again."""
    variables_per_station: int = Field(default=5000, ge=100)
    variable_octets_per_station: int = Field(default=1024 * 1024, ge=64 * 1024)
    """How much is kept of what one station tells of itself; the rest is dropped, and its page says so."""
    clock_tolerance: timedelta = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1))
    """How far a station's clock may be off before it counts as a difference."""
    readiness_age: timedelta = Field(default=timedelta(hours=6), ge=timedelta(minutes=1))
    """How old a stored assessment of readiness may get, although nothing is known to have changed."""

    keep_messages: timedelta = Field(default=timedelta(days=30), ge=timedelta(hours=1))
    keep_admissions: timedelta = Field(default=timedelta(days=90), ge=timedelta(days=1))
    keep_outcomes: timedelta = Field(default=timedelta(days=90), ge=timedelta(days=1))
    """What came of commands and certificate requests, and charging transactions that have ended."""
    keep_events: timedelta = Field(default=timedelta(days=400), ge=timedelta(days=1))
    """Security events that stations told."""
    keep_charging: timedelta = Field(default=timedelta(days=400), ge=timedelta(days=7))
    """Messages about charging that were not handed over: an alarm follows, and a week later they are deleted."""
    charging_octets_per_station: int = Field(default=256 * 2**20, ge=2**20)
    """Of messages about charging that were not handed over; what does not fit is refused."""
    keep_campaigns: timedelta = Field(default=timedelta(days=400), ge=timedelta(days=1))
    """Campaigns that have ended, and those that nobody has begun."""
    keep_logs: timedelta = Field(default=timedelta(days=90), ge=timedelta(days=1))
    """Logs that stations uploaded."""
    keep_rows_per_station: int = Field(default=10_000, ge=100)
    """Messages, admissions, and security events of one station, however young they are."""

    @field_validator("log_upload_url", "firmware_url", "firmware_plain_url")
    @classmethod
    def _upload_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("must look like https://host/path, without a name or password in it")
        return value

    @field_validator("authorize", mode="before")
    @classmethod
    def _as_it_was_spelt(cls, value: object) -> object:
        """It was true or false before there was a list."""
        spelt = str(value).strip().lower()
        return _AS_BOOLEAN.get(spelt, spelt)

    @field_validator("status_responders")
    @classmethod
    def _name_responders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        AllowList.of(value)
        return value
