"""A small model of a station: it keeps to OCPP's rules about security settings, and has manners of its own.

No clock, no socket, no OCPP messages: it is asked a `Do` and tells how it took it; whoever drives it decides when
it leaves the line and comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from csms_bridge.commands import Answer, Outcome
from csms_bridge.quirks.quirks import USUAL, Asks, Chain, Priority, Quirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Reading, configuration_key
from csms_bridge.walks.acts import MAY_STEP_DOWN
from csms_bridge.walks.slots import order_without, slot_numbers
from csms_bridge.walks.steps import Do

NONE, BASIC, TLS, MUTUAL = SecurityProfile
ACCEPTED, REBOOT, REJECTED = Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED, Outcome.REJECTED
SETTINGS = (Do.SET_PASSWORD, Do.RAISE_PROFILE, Do.PREFER_SLOT)


@dataclass
class Manners:
    """How this station differs from others. Each list in `refuses` is used up, one entry for each time of asking."""

    drops: bool = True
    """After a setting it leaves the line by itself (1.6: white paper A05.FR.06); else it waits for a restart."""
    reboots: bool = False
    """It answers RebootRequired to settings, and applies them at the next restart only."""
    refuses: dict[Do, list[Outcome]] = field(default_factory=dict)
    mute: set[Do] = field(default_factory=set)
    """It does these once, and its answer is lost."""
    deaf: set[Do] = field(default_factory=set)
    """These do not reach it, once."""
    falls_back: int = 0
    """So many times it does not manage to connect on a new profile (1.6 A05.FR.08, 2.x B10.FR.07)."""
    hides_roots: bool = False
    """It lists no root, whatever it holds (station-quirks 7)."""
    keeps_slots: bool = False
    """It does not remove slots with a lower profile (2.x A05.FR.06 says it should)."""
    tells_slots: bool = True
    lowers: bool = False
    """It takes a profile back that it has not come on yet, against 1.6 A05.FR.01."""
    own_address: bool = False
    """1.6: it dials what stands in its maker's key, whatever its profile, and knows no other way (open-ocpp)."""
    address_waits: bool = False
    """That counts from its next restart on, and not from the next connection (MicroOcpp)."""
    tells_address: bool = True
    idles: bool = False
    """It answers Accepted to a restart, and does nothing."""
    wants_root: bool = False
    """It takes a certificate only with the root above it (open-ocpp)."""
    one_root: bool = False
    """A new root takes the place of the old one."""
    roots_from_tls: bool = False
    """It takes no root below profile 2 (EVerest); what it has is from the factory."""
    from_factory: bool = False
    """It holds our root before the walk."""
    asks: Asks = Asks.ON_TRIGGER
    all_slots: bool = False
    """It takes a priority only when every slot is in it."""


@dataclass
class Way:
    """One way to dial: a profile and what goes with it."""

    profile: SecurityProfile
    password: str | None = None
    certificate: str | None = None


@dataclass
class ModelStation:
    """The station's memory. Passwords and certificates are named by their ids."""

    version: OcppVersion
    profile: SecurityProfile
    manners: Manners
    password: str | None
    next_password: str | None = None
    next_profile: SecurityProfile | None = None
    holds_root: bool = False
    holds_rsa_root: bool = False
    holds_issuer_root: bool = False
    key: int = 0
    certificate: str | None = None
    slots: dict[int, SecurityProfile] = field(default_factory=dict)
    priority: list[int] = field(default_factory=lambda: [1])
    active: int = 1
    restarts: int = 0
    may_step_down: bool = False
    quirks: Quirks = USUAL
    """What our side takes it for: how the content of its messages is filled in."""
    by_tls: bool = False
    """Whether the address in its maker's key is one of TLS."""
    next_by_tls: bool | None = None
    keeps_address: bool = False
    """It accepts an address and keeps the one that it has."""

    def __post_init__(self) -> None:
        self.slots[1] = self.profile
        self.by_tls = self.profile >= TLS
        self.holds_root = self.by_tls or self.manners.from_factory

    def asked(self, do: Do, facts: Mapping[str, str], leg: SecurityProfile) -> Answer:
        """Take a message; `facts` stand for its content."""
        if queued := self.manners.refuses.get(do):
            return Answer(queued.pop(0), "in a bad mood")
        answer = self._take(do, facts, leg)
        if do in SETTINGS and answer.outcome is ACCEPTED and self.manners.reboots:
            return Answer(REBOOT, "RebootRequired")
        return answer

    def leaves_after(self, do: Do, outcome: Outcome) -> bool:
        """Whether it drops the line after it answered."""
        if outcome not in (ACCEPTED, REBOOT):
            return False
        by_itself = self.version is OcppVersion.V16 or do in (Do.SET_PASSWORD, Do.DELIVER, Do.DELIVER_WITH_ROOT)
        changing = (*SETTINGS, Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT, Do.DELIVER, Do.DELIVER_WITH_ROOT)
        if do is Do.RESTART and self.manners.idles:
            return False
        leaves = by_itself and do in changing and self.manners.drops and outcome is ACCEPTED
        return do is Do.RESTART or leaves

    def restart(self) -> None:
        """Apply what waits for a restart."""
        self.restarts += 1
        if self.next_by_tls is not None:
            self.by_tls, self.next_by_tls = self.next_by_tls, None
        if self.version is not OcppVersion.V16:
            self.next_profile = self.slots[self.priority[0]]

    def ways(self) -> list[Way]:
        """How it dials, the newest settings first, the old ones as a way back."""
        password = self.next_password or self.password
        if self.manners.own_address:
            return self._ways_by_address(password)
        old = self._way(self.profile, self.password)
        newest = self._way(self.next_profile if self.next_profile is not None else self.profile, password)
        if self.next_profile is not None and self.manners.falls_back:
            self.manners.falls_back -= 1
            self.next_profile = None
            self.priority = [self.active, *(slot for slot in self.priority if slot != self.active)]
            return [self._way(self.profile, password), old]
        return [newest, self._way(self.profile, password), old]

    def _ways_by_address(self, password: str | None) -> list[Way]:
        """Its address alone says whether it dials TLS; what goes with it follows from its profile."""
        profile = self.profile if self.next_profile is None else self.next_profile
        if not self.by_tls:
            profile = min(profile, BASIC)
        elif not self.holds_root:
            return []
        elif profile is not MUTUAL:
            profile = TLS
        return [self._way(profile, password), self._way(profile, self.password)]

    def arrived(self, way: Way) -> None:
        """It got in this way."""
        if way.profile < self.profile:
            self.active = self.priority[0]  # it stepped down
        if way.profile > self.profile and self.version is not OcppVersion.V16:
            self.active = self.priority[0]
            if not self.manners.keeps_slots:  # A05.FR.06: slots with a lower profile are removed
                self.slots = {slot: profile for slot, profile in self.slots.items() if profile >= way.profile}
                self.priority = [slot for slot in self.priority if slot in self.slots]
        self.profile, self.next_profile = way.profile, None
        if way.password is not None and way.password == self.next_password:
            self.password, self.next_password = way.password, None

    def _way(self, profile: SecurityProfile, password: str | None) -> Way:
        if profile is MUTUAL:
            return Way(profile, certificate=self.certificate)
        return Way(profile, password if profile is not NONE else None)

    def _take(self, do: Do, facts: Mapping[str, str], leg: SecurityProfile) -> Answer:
        match do:
            case Do.INSTALL_ROOT | Do.INSTALL_RSA_ROOT | Do.INSTALL_ISSUER_ROOT:
                return self._root_came(do)
            case Do.LIST_ROOTS:
                listed = "DEAD ABC" if self.holds_root and not self.manners.hides_roots else ""
                return Answer(ACCEPTED, "Accepted", {"roots": listed})
            case Do.TRIGGER_CSR:
                if self.manners.asks is not Asks.ON_TRIGGER:
                    return Answer(Outcome.NOT_SUPPORTED, "NotImplemented")
                self.key += 1
            case Do.DELIVER | Do.DELIVER_WITH_ROOT:
                with_root = (do is Do.DELIVER_WITH_ROOT) is not (self.quirks.chain is Chain.ROOT)
                return self._certificate_came(facts["issued"].split()[-1], with_root=with_root)
            case Do.SET_PASSWORD:
                self.next_password = facts["password"]
            case Do.RAISE_PROFILE:
                if leg <= self.profile or not self._is_able(leg):  # 1.6 A05.FR.01-04
                    return Answer(REJECTED, "Rejected")
                self.next_profile = leg
            case Do.READ_NETWORK:
                priority = ",".join(str(slot) for slot in self.priority)
                return Answer(ACCEPTED, "Accepted", {"priority": priority, "active": str(self.active), "country": ""})
            case Do.FREE_SLOT:
                self.priority = [slot for slot in self.priority if slot != int(facts["slot"])]
            case Do.WRITE_SLOT | Do.WRITE_SLOT_VARIABLES:
                slot = int(facts["slot"])
                listed = do is Do.WRITE_SLOT_VARIABLES and slot in self.priority  # 2.1 B09.FR.20/.21
                lower = leg < self.profile and not (self.may_step_down and leg is TLS)  # A05.FR.08, B09.FR.31/.32
                if slot == self.active or listed or lower or not self._is_able(leg):
                    return Answer(REJECTED, "Rejected")
                self.slots[slot] = leg
            case Do.PREFER_SLOT:
                order = [int(facts["slot"]), int(facts["used"])]
                others = slot_numbers(facts.get("slots", "")) if self.quirks.priority is Priority.ALL_SLOTS else []
                if self.manners.all_slots and not {1, 2, 3} <= {*order, *others}:
                    return Answer(REJECTED, "Rejected")
                self.priority = list(dict.fromkeys((*order, *others)))
            case Do.READ_DOWNGRADE:
                reading = Reading(MAY_STEP_DOWN, str(self.may_step_down).lower())
                return Answer(ACCEPTED, "Accepted", readings=(reading,))
            case Do.ALLOW_DOWNGRADE | Do.FORBID_DOWNGRADE:
                self.may_step_down = do is Do.ALLOW_DOWNGRADE
            case _:
                return self._go_back(do, facts, leg)
        return Answer(ACCEPTED, "Accepted")

    def _go_back(self, do: Do, facts: Mapping[str, str], leg: SecurityProfile) -> Answer:
        """The way back of a walk that is cancelled."""
        match do:
            case Do.READ_URL:
                return self._address()
            case Do.WRITE_URL | Do.WRITE_URL_BACK:
                return self._address_came(by_tls=do is Do.WRITE_URL)
            case Do.LOWER_AGAIN:
                if not self.manners.lowers:
                    return Answer(REJECTED, "Rejected")  # 1.6 A05.FR.01
                self.next_profile = None
            case Do.OLD_SLOT_FIRST:
                self.priority = list(order_without(facts))
            case Do.RESTORE_ORDER:
                self.priority = slot_numbers(facts["order"])
            case Do.WRITE_SLOT_BACK:
                if int(facts["slot"]) in (self.active, *self.priority):
                    return Answer(REJECTED, "Rejected")
                self.slots[int(facts["slot"])] = self.profile
        return Answer(ACCEPTED, "Accepted")

    def _is_able(self, leg: SecurityProfile) -> bool:
        if leg is MUTUAL:
            return self.certificate is not None
        return leg < TLS or self.holds_root

    def _root_came(self, do: Do) -> Answer:
        if self.manners.roots_from_tls and self.profile < TLS:
            return Answer(REJECTED, "Rejected")
        if self.next_by_tls is not None and self.manners.idles:
            self.by_tls, self.next_by_tls = self.next_by_tls, None  # open-ocpp connects anew for a root
        if self.manners.one_root and do is not Do.INSTALL_ROOT:
            self.holds_root = False
        self.holds_root |= do is Do.INSTALL_ROOT
        self.holds_rsa_root |= do is Do.INSTALL_RSA_ROOT
        self.holds_issuer_root |= do is Do.INSTALL_ISSUER_ROOT
        return Answer(ACCEPTED, "Accepted")

    def _address(self) -> Answer:
        if not self.manners.own_address:
            return Answer(Outcome.NOT_SUPPORTED, "NotSupported")
        told = f"{'wss' if self.by_tls else 'ws'}://csms" if self.manners.tells_address else None
        return Answer(ACCEPTED, "Accepted", readings=(Reading(configuration_key("K"), told),))

    def _address_came(self, *, by_tls: bool) -> Answer:
        if not self.manners.own_address:
            return Answer(Outcome.NOT_SUPPORTED, "NotSupported")
        if self.keeps_address and not by_tls:
            return Answer(ACCEPTED, "Accepted")
        if self.manners.address_waits:
            self.next_by_tls = by_tls
        else:
            self.by_tls = by_tls
        return Answer(REBOOT, "RebootRequired")

    def _certificate_came(self, serial: str, *, with_root: bool) -> Answer:
        """Only a certificate for its newest key is any good; the key's number is in the serial."""
        if serial != serial_for(self.key) or (self.manners.wants_root and not with_root):
            return Answer(REJECTED, "Rejected")
        self.certificate = serial
        return Answer(ACCEPTED, "Accepted")


def serial_for(key: int) -> str:
    """The serial number of the certificate for the station's n-th key."""
    return f"5e{key:02x}"
