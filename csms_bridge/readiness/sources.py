"""The facts of many stations in a few queries, from where each is kept. Reads only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.posture.device_model import DeviceModel, ToldVariable
from csms_bridge.posture.schedule import LastReading
from csms_bridge.posture.sides import SideReader, Sides
from csms_bridge.posture.subjects import Subject, slots_in, variable_of
from csms_bridge.quirks.book import Explanation
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.readiness.facts import Facts, Roots
from csms_bridge.readiness.kept import Kept, Kind, LastAsk, kept_of
from csms_bridge.readiness.our_side import OurSide
from csms_bridge.readiness.standing import COMPLAINTS_COUNT_FOR
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion
from csms_bridge.variables import Variable, configuration_key
from pki.authority import Authority, Certificate
from pki.keys import KeyFamily
from pki.store import Store

_PASSWORDS = {
    OcppVersion.V16: configuration_key("AuthorizationKey"),
    OcppVersion.V201: Variable("SecurityCtrlr", "BasicAuthPassword"),
    OcppVersion.V21: Variable("SecurityCtrlr", "BasicAuthPassword"),
}
Told = Mapping[Variable, ToldVariable]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts come from."""

    store: Store
    sides: SideReader
    model: DeviceModel
    quirks: StationQuirks
    authority: Authority
    settings: BridgeSettings
    organisation: str

    def of(self, stations: Collection[str], now: datetime) -> dict[str, tuple[Facts, Explanation]]:
        """Those of them that are on record, with what the quirk book says of each."""
        found, ours = self.sides.of(stations), OurSide(self.authority)
        kinds = {_kind(one) for one in found.values()}
        with self.store.reading() as session:
            kept = kept_of(session, list(found), kinds, ours.roots, now - COMPLAINTS_COUNT_FOR)
        last = self.sides.last_readings(list(found))
        passwords = self.model.of_many(list(found), set(_PASSWORDS.values()))
        issued = self._issued(kept.asks.values())
        book = {kind: self.quirks.explain(*kind) for kind in kinds}
        return {
            station: (
                self._facts(one, ours, kept, book[_kind(one)], last.get(station), passwords.get(station, {}), issued),
                book[_kind(one)],
            )
            for station, one in found.items()
        }

    def _facts(
        self, one: Sides, ours: OurSide, kept: Kept, book: Explanation, last: LastReading | None, passwords: Told,
        issued: Mapping[str, Certificate],
    ) -> Facts:  # fmt: skip
        station, kind = one.station, _kind(one)
        priority, password = _priority(one), _password(one, passwords)
        ask = kept.asks.get(station.id, LastAsk())
        return Facts(
            known=one.known(self.organisation, self.settings.clock_tolerance),
            reading=one.reading,
            ours=ours.towards(station.id, book.quirks, has_wish=station.id in kept.wishes),
            read_as_it_is=last is None or (last.firmware, last.version) == (station.firmware, station.ocpp_version),
            told=sum(1 for told in one.told.values() if told.value is not None),
            walk=kept.walks.get(station.id),
            expected_version=one.on_record.row.expected_version,
            roots=kept.roots.get(station.id, Roots()),
            slots=_slots(priority),
            tells_priority=None if priority is None else priority.value is not None,
            longest_password=_longest(password),
            sets_password=None if password is None or not password.mutability else password.mutability != "ReadOnly",
            key=_key(one.certificate or issued.get(ask.issued or ""), ours),
            request_refused=ask.refused,
            lessons=kept.lessons.get(kind, ()),
            complaint=kept.complaints.get(station.id),
            firmware_revoked=kind in kept.revoked,
        )

    def _issued(self, asks: Iterable[LastAsk]) -> Mapping[str, Certificate]:
        return self.authority.certificates_by_serial(sorted({ask.issued for ask in asks if ask.issued}))


def _kind(one: Sides) -> Kind:
    return one.station.vendor, one.station.model, one.station.firmware


def _priority(one: Sides) -> ToldVariable | None:
    """What it told of NetworkConfigurationPriority."""
    version = one.station.ocpp_version
    variable = variable_of(Subject.PRIORITY, version) if version is not None else None
    return one.told.get(variable) if variable is not None else None


def _password(one: Sides, told: Told) -> ToldVariable | None:
    """What it told of its Basic password: never the password, but what it may be."""
    version = one.station.ocpp_version
    return told.get(_PASSWORDS[version]) if version is not None else None


def _slots(priority: ToldVariable | None) -> tuple[int, ...] | None:
    """Those that the priority may name, which a report tells (`valuesList`)."""
    choices = priority.characteristics.values if priority is not None and priority.characteristics else ""
    return slots_in(choices) or None


def _longest(password: ToldVariable | None) -> int | None:
    highest = password.characteristics.highest if password is not None and password.characteristics else None
    return int(highest) if highest is not None and 0 < highest < 2**31 else None


def _key(certificate: Certificate | None, ours: OurSide) -> KeyFamily | None:
    """An authority of each kind of keys certifies them; the key that a station made last tells what it makes."""
    return ours.family_of(certificate.authority) if certificate is not None else None
