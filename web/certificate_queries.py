"""What people and scripts write to look for certificates, and what it means. For the API and the page alike."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pki.authority import CertificateFilter, CertificateState
from web.errors import RequestRefused

_SPAN = re.compile(r"([0-9]{1,5})([hdw])")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WEEK = re.compile(r"([0-8][0-9]{3})-W([0-9]{2})")


class CertificateQuery(BaseModel):
    """The parameters as they were written; what is empty is not asked. One that does not exist is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    serial: str = Field(default="", max_length=100, description="hexadecimal digits, or the beginning of them")
    common_name: str = Field(default="", max_length=100, description="the CN; may end in *")
    station: str = Field(default="", max_length=100)
    spki_sha256: str = Field(default="", max_length=200, description="SHA-256 of the SubjectPublicKeyInfo, hex")
    state: str = Field(default="", max_length=20, description="good, held, revoked or expired")
    authority: str = Field(default="", max_length=100, description="issued by this one")
    profile: str = Field(default="", max_length=50, description="station, server, …")
    ends_after: str = Field(default="", max_length=50, description="ends at this time (RFC 3339, or a date) or later")
    ends_before: str = Field(default="", max_length=50, description="ends before this time")
    expires_within: str = Field(default="", max_length=20, description="ends between now and then: 48h, 30d, 4w")
    week: str = Field(default="", max_length=20, description="ends in this ISO 8601 week (UTC): 2026-W50")
    in_use: bool = Field(default=False, description="not those that a newer one of the same station has replaced")

    def meaning(self, now: datetime) -> CertificateFilter:
        """The search. Raises RequestRefused and SearchRefused with the parameter's name."""
        for name in ("common_name", "station", "authority", "profile"):
            if not getattr(self, name).isprintable():
                raise RequestRefused(name, f"{name}: control characters are in no name")
        begin, end = self._window(now)
        return CertificateFilter(
            serial=hex_of(self.serial) or None,
            common_name=self.common_name.strip() or None,
            station=self.station.strip() or None,
            spki_sha256=hex_of(self.spki_sha256) or None,
            state=_state(self.state),
            authority=self.authority.strip() or None,
            profile=self.profile.strip() or None,
            ends_from=begin,
            ends_before=end,
            in_use=self.in_use,
        )

    def _window(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        ways = (bool(self.ends_after or self.ends_before), bool(self.expires_within), bool(self.week))
        if sum(ways) > 1:
            why = "say the window by ends_after and ends_before, or by expires_within, or by week"
            raise RequestRefused("expires_within" if self.expires_within else "week", why)
        if self.expires_within:
            return now, now + span_of("expires_within", self.expires_within)
        if self.week:
            begin = week_of(self.week)
            return begin, begin + timedelta(weeks=1)
        return _moment("ends_after", self.ends_after), _moment("ends_before", self.ends_before)

    def written(self) -> dict[str, str]:
        """What was asked, for the address of the next page."""
        asked = CertificateQuery.model_fields.keys()
        return {name: str(value).strip() for name in asked if (value := getattr(self, name))}


def hex_of(text: str) -> str:
    """Hexadecimal digits as tools print them, in ours: without 0x, colons, blanks and capitals."""
    return re.sub(r"[\s:]", "", text).lower().removeprefix("0x")


SerialInPath = Annotated[str, AfterValidator(lambda text: hex_of(text).lstrip("0"))]
"""A serial number in an address, as `openssl x509 -serial` or a browser prints it too."""


def span_of(field: str, text: str) -> timedelta:
    """`48h`, `30d` or `4w`. Raises RequestRefused."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise RequestRefused(field, f"{field}: {text!r} is not a span like 48h, 30d or 4w")
    return int(found[1]) * _UNIT[found[2]]


def week_of(text: str) -> datetime:
    """The moment at which an ISO 8601 week like `2026-W50` begins, in UTC. Raises RequestRefused."""
    found = _WEEK.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise RequestRefused("week", f"week: {text!r} is not a week like 2026-W50") from None
    return datetime(monday.year, monday.month, monday.day, tzinfo=UTC)


def _state(text: str) -> CertificateState | None:
    if not text.strip():
        return None
    try:
        return CertificateState(text.strip())
    except ValueError:
        known = ", ".join(CertificateState)
        raise RequestRefused("state", f"state: {text!r} is none of {known}") from None


def _moment(field: str, text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestRefused(field, f"{field}: {text!r} is not a time like 2026-12-01 or 2026-12-01T12:00Z") from None
