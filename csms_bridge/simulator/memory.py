"""What a station keeps over a power cycle, and how it lies in one file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509

from csms_bridge.simulator.certificates import Credential, certificate_to_pem, utc_now
from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.keys import PrivateKey, key_from_pem, key_to_pem, new_key, self_signed
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot, of_kind
from csms_bridge.simulator.slots import NetworkProfile, Standing, factory_slot

KEPT_REQUESTS = 4


@dataclass(frozen=True)
class PendingKey:
    """A key whose certificate has been asked for; `request_id` only in 2.1."""

    key: PrivateKey
    request_id: int | None = None


@dataclass
class Memory:
    """The station's non-volatile memory. `remember` writes it down when it has a file."""

    profile: int
    password: bytes | None
    settings: dict[str, str] = field(default_factory=dict)
    roots: tuple[StoredRoot, ...] = ()
    credentials: tuple[Credential, ...] = ()
    """Certificates of its own, newest first; the second is the way back until the first has worked."""
    pending: tuple[PendingKey, ...] = ()
    raising_to: int | None = None
    """1.6: the profile it has accepted and not reached yet."""
    raise_at_reset: int | None = None
    """1.6 under needs-reboot: the profile to dial on after the next Reset."""
    slots: dict[int, NetworkProfile] = field(default_factory=dict)
    priority: tuple[int, ...] = ()
    active_slot: int = 1
    last_good: NetworkProfile = field(default_factory=NetworkProfile)
    """2.x: the slot content the station was last connected with."""
    firmware: str = ""
    """The version it runs."""
    ocpp: str | None = None
    """The OCPP version that its firmware speaks; None: that of its configuration."""
    file: Path | None = None

    @property
    def csms_roots(self) -> tuple[x509.Certificate, ...]:
        """Roots that may vouch for the CSMS and for the station's own certificate."""
        return of_kind(self.roots, CSMS_ROOT)

    def standing(self) -> Standing:
        """Sum up what the profile rules ask about."""
        return Standing(
            profile=self.profile,
            has_password=self.password is not None,
            has_root=bool(self.csms_roots),
            has_certificate=bool(self.credentials),
            may_step_down=self.settings.get("SecurityCtrlr.AllowSecurityProfileDowngrade") == "true",
        )

    def make_first_slot(self, url: str) -> None:
        """A firmware with slots takes over from one without: the address that was dialled becomes its first slot."""
        slot = factory_slot(url, self.profile)
        self.slots, self.priority, self.last_good = {self.active_slot: slot}, (self.active_slot,), slot

    def keep_pending(self, key: PendingKey) -> None:
        """Remember a key until its certificate comes; only the newest few are kept."""
        self.pending = (key, *self.pending)[:KEPT_REQUESTS]

    def remember(self) -> None:
        """Write the memory to its file in one step, readable by its owner only."""
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(_to_json(self), stream, indent=1)
        draft.replace(self.file)


def open_memory(config: StationConfig) -> Memory:
    """Read the station's memory, or make that of a new station from its configuration.

    Raises ValueError when the file holds something else.
    """
    file = config.state_dir / f"{quote(config.identity, safe='')}.json" if config.state_dir else None
    if file is None or not file.exists():
        return _factory(config, file)
    try:
        memory = _from_json(json.loads(file.read_text()), file)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not a station's memory") from error
    memory.firmware = memory.firmware or config.firmware
    return memory


def _factory(config: StationConfig, file: Path | None) -> Memory:
    slot = factory_slot(config.url, config.profile)
    number = 3 if config.has(Fault.OTHER_SLOTS) else 1
    roots = tuple(
        StoredRoot(CSMS_ROOT, certificate)
        for pem in config.roots
        for certificate in x509.load_pem_x509_certificates(pem.encode())
    )
    memory = Memory(profile=config.profile, password=config.password, roots=roots, file=file, firmware=config.firmware)
    memory.slots, memory.priority, memory.active_slot, memory.last_good = (
        {number: slot},
        (number,),
        number,
        slot,
    )
    if config.has(Fault.FOREIGN_CERTIFICATE):
        key = new_key(config.key_kind)
        memory.credentials = (Credential(key, (self_signed(config.serial, key, utc_now()),)),)
    return memory


def _to_json(memory: Memory) -> dict[str, Any]:
    return {
        "profile": memory.profile,
        "password": memory.password.hex() if memory.password is not None else None,
        "settings": memory.settings,
        "roots": [[root.kind, certificate_to_pem(root.certificate)] for root in memory.roots],
        "credentials": [
            [key_to_pem(own.key), "".join(certificate_to_pem(link) for link in own.chain)] for own in memory.credentials
        ],
        "pending": [[key_to_pem(wait.key), wait.request_id] for wait in memory.pending],
        "raising_to": memory.raising_to,
        "raise_at_reset": memory.raise_at_reset,
        "slots": {str(number): dict(slot.values) for number, slot in memory.slots.items()},
        "priority": list(memory.priority),
        "active_slot": memory.active_slot,
        "last_good": dict(memory.last_good.values),
        "firmware": memory.firmware,
        "ocpp": memory.ocpp,
    }


def _from_json(found: dict[str, Any], file: Path) -> Memory:
    return Memory(
        profile=int(found["profile"]),
        password=bytes.fromhex(found["password"]) if found["password"] is not None else None,
        settings=dict(found["settings"]),
        roots=tuple(StoredRoot(kind, x509.load_pem_x509_certificate(pem.encode())) for kind, pem in found["roots"]),
        credentials=tuple(
            Credential(key_from_pem(key), tuple(x509.load_pem_x509_certificates(chain.encode())))
            for key, chain in found["credentials"]
        ),
        pending=tuple(PendingKey(key_from_pem(key), request) for key, request in found["pending"]),
        raising_to=found["raising_to"],
        raise_at_reset=found["raise_at_reset"],
        slots={int(number): NetworkProfile(values) for number, values in found["slots"].items()},
        priority=tuple(found["priority"]),
        active_slot=int(found["active_slot"]),
        last_good=NetworkProfile(found["last_good"]),
        firmware=found.get("firmware", ""),
        ocpp=found.get("ocpp"),
        file=file,
    )
