"""Addresses at which stations fetch images: one for each update, unguessable, good for a while or for one download.

Of the secret in an address only a digest is kept. The address ends with its update, with its time, and when the
signing certificate is revoked.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, select

from csms_bridge.errors import FirmwareNotNow, LinkOver, UnknownLink
from csms_bridge.firmware.book import OPEN_STATES
from csms_bridge.firmware.guards import check_address
from csms_bridge.firmware.images import FirmwareImages
from csms_bridge.firmware.rows import FirmwareLinkRow, FirmwareUpdateRow
from csms_bridge.station import OcppVersion
from pki.authority import Authority
from pki.clock import Clock
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.secret_text import Secret
from pki.store import Store

PATH = "/firmware"
TOKEN = 32  # octets; 43 characters in an address
LONGEST_NAME = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_KEPT_FOR = timedelta(days=30)
_AT_ONCE = 500
_RESUMED_FOR = timedelta(minutes=15)
"""After a one-time address has had its download, the station may still fetch a piece again that it lost."""


@dataclass(frozen=True, slots=True)
class Bases:
    """Where images are served, without the path: over HTTPS, and in clear for stations that know nothing else."""

    usual: str
    plain: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What an address leads to. `size` in octets; `name` is for people and for stations that go by names."""

    token_sha256: str
    station: str
    update: int
    digest: str
    size: int
    name: str


class ImageLinks:
    """Makes addresses and follows them."""

    def __init__(
        self, store: Store, authority: Authority, images: FirmwareImages, bases: Bases, clock: Clock, *,
        life: timedelta, once: bool,
    ) -> None:  # fmt: skip
        self._store = store
        self._authority = authority
        self._images = images
        self._bases = bases
        self._clock = clock
        self._life = life
        self._once = once

    @property
    def nowhere(self) -> str:
        """An address that leads to nothing, for a request that is to end another one."""
        return f"{self._bases.usual.rstrip('/')}{PATH}/none/none.bin"

    def check_in(
        self, session: Session, signed: SignedFirmware, version: OcppVersion, protocols: Collection[str]
    ) -> None:
        """The image is here, and a station can be told where. Raises FirmwareNotNow."""
        if self._images.kept_in(session, signed.digest) is None:
            raise FirmwareNotNow(
                "no-image",
                f"the image of {signed.version} is not here",
                f"Upload it: voltward firmware upload {signed.id} FILE; or name its address: --location URL",
            )
        check_address(self._address("x" * 43, signed, protocols), version, protocols)

    def check_whole(self, signed: SignedFirmware) -> None:
        """The image is still what was signed: hashed again now and then. Raises UnknownImage, ImageRefused."""
        self._images.check_whole(signed.digest)

    def make(
        self, session: Session, update: FirmwareUpdateRow, signed: SignedFirmware, protocols: Collection[str]
    ) -> Secret:
        """A fresh address for an update; earlier ones of it are over."""
        token, now = secrets.token_urlsafe(TOKEN), self._clock()
        for old in session.exec(select(FirmwareLinkRow).where(FirmwareLinkRow.update == update.id)):
            session.delete(old)
        begins = max(now, update.retrieve_at or now)
        made = FirmwareLinkRow(
            token_sha256=_digest(token), update=update.id or 0, station=update.station, firmware=signed.id,
            digest=signed.digest, name=_name(signed), good_until=begins + self._life, once=self._once, made_at=now,
        )  # fmt: skip
        session.add(made)
        return Secret.of(self._address(token, signed, protocols))

    def follow(self, token: str) -> Link:
        """What is behind an address. Raises UnknownLink, LinkOver, UnknownImage, ImageElsewhere."""
        with self._store.reading() as session:
            row = session.get(FirmwareLinkRow, _digest(token))
            update = session.get(FirmwareUpdateRow, row.update) if row is not None else None
        if row is None:
            raise UnknownLink
        if update is None or update.state not in OPEN_STATES or self._is_over(row):
            raise LinkOver
        if self._authority.firmware(row.firmware).state is not FirmwareState.SIGNED:
            raise LinkOver
        size = self._images.check_whole(row.digest)
        return Link(row.token_sha256, row.station, row.update, row.digest, size, row.name)

    def fetched(self, link: Link, octets: int, *, whole: bool) -> None:
        """So much went out; `whole`: to the last octet."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(FirmwareLinkRow, link.token_sha256, populate_existing=True, with_for_update=True)
            if row is None:
                return
            row.octets += octets
            row.first_at = row.first_at or now
            row.last_at = now
            if whole and row.octets >= link.size:
                row.fetched_at = row.fetched_at or now
            session.add(row)

    def forget_over(self) -> int:
        """Delete addresses that have been over for a month; how many."""
        old = col(FirmwareLinkRow.good_until) < self._clock() - _KEPT_FOR
        with self._store.reading() as session:
            found = session.exec(select(FirmwareLinkRow.token_sha256).where(old).limit(_AT_ONCE)).all()
        if found:
            with self._store.writing() as session:
                session.execute(delete(FirmwareLinkRow).where(col(FirmwareLinkRow.token_sha256).in_(found)))
        return len(found)

    def _is_over(self, row: FirmwareLinkRow) -> bool:
        now = self._clock()
        used = row.once and row.fetched_at is not None and now > row.fetched_at + _RESUMED_FOR
        return used or now > row.good_until

    def _address(self, token: str, signed: SignedFirmware, protocols: Collection[str]) -> str:
        is_plain = bool(self._bases.plain) and bool(protocols) and "https" not in protocols
        base = self._bases.plain if is_plain else self._bases.usual
        return f"{base.rstrip('/')}{PATH}/{token}/{_name(signed)}"


def _name(signed: SignedFirmware) -> str:
    """A file's name without anything that a station could trip over."""
    return f"{_UNSAFE.sub('-', f'{signed.model}-{signed.version}')[:LONGEST_NAME]}.bin"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
