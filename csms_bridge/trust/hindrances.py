"""What keeps a station from another root or certificate, out of what it told of itself and the quirk book, as SQL."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, false, func, or_
from sqlmodel import col, select

from csms_bridge.certificate_watch import CHAIN_LIMITS, NONSENSE
from csms_bridge.posture.rows import VariableRow
from csms_bridge.posture.subjects import Subject, variable_of
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.rows import StationRootRow
from csms_bridge.tables import StationRow
from csms_bridge.trust.facts import Fact, RootFact
from csms_bridge.trust.odd_kinds import OddKinds, is_one_of, where_number
from csms_bridge.variables import Attribute, Variable
from pki.keys import KeyFamily

_Found = ColumnElement[bool]
_DIGITS = "^[0-9]{1,9}$"


def of_root(name: str, family: KeyFamily, signed_by: tuple[str, ...], odd: OddKinds) -> list[tuple[_Found, RootFact]]:
    """What would keep a station from taking this root, which these authorities have certified across."""
    held = _held(StationRootRow.kind == CertificateKind.CSMS.value, StationRootRow.known_name != name)
    others = [those for key, those in odd.keys.items() if key is not family]
    return [
        (and_(_takes_signed_only(odd), ~_lists_any(signed_by)), RootFact.UNSIGNED),
        (or_(_is_full(), where_number(odd.room, lambda room: held >= room)), RootFact.NO_ROOM),
        (or_(false(), *(is_one_of(those) for those in others)), RootFact.OTHER_KEY),
        (is_one_of(odd.replaces), RootFact.REPLACES),
    ]


def of_station(chain: int, floor: int, odd: OddKinds) -> list[tuple[_Found, Fact]]:
    """What is odd about a station: with a next certificate whose chain is so long, and a floor that is so high."""
    row = StationRow
    new_tls = or_(col(row.tls_version).is_(None), col(row.tls_version) > "TLSv1.2")
    profile = func.coalesce(col(row.profile), 0)
    found = [(and_(is_one_of(odd.keys.get(KeyFamily.RSA, ())), new_tls), Fact.RSA_TLS)]
    if chain:
        found.append((_takes_less_than(chain, odd), Fact.NEXT_TOO_LONG))
    if floor:
        found.append((where_number(odd.roots_from, lambda least: profile < least), Fact.TAKES_NO_ROOT))
        found.append((where_number(odd.walks_to, lambda most: func.coalesce(most, 0) < floor), Fact.WALKS_NO_HIGHER))
    return found


def _takes_signed_only(odd: OddKinds) -> _Found:
    """AdditionalRootCertificateCheck (1.6 M05.FR.08-13, 2.x M05.FR.09-16); what it says itself outweighs the book."""
    said = func.lower(func.trim(VariableRow.value))
    told = _told(Subject.ROOT_CHECK)
    return or_(_exists(told, said == "true"), and_(is_one_of(odd.signed_only), ~_exists(told, said == "false")))


def _is_full() -> _Found:
    """CertificateStoreMaxLength of 1.6; CertificateEntries of 2.x, whose value counts and whose limit is the room."""
    row, held = VariableRow, _held()
    number = case((col(row.value).regexp_match(_DIGITS), cast(col(row.value), Integer)))
    key, variable = _variable(Subject.ROOM_FOR_ROOTS, OcppVersion.V16), _variable(Subject.ROOM_FOR_ROOTS)
    room = col(row.highest)
    return or_(
        _exists((key,), number <= held),
        _exists((variable,), and_(room.is_not(None), room >= 0, or_(room <= held, room <= number))),
    )


def _takes_less_than(length: int, odd: OddKinds) -> _Found:
    row = VariableRow
    number = case((col(row.value).regexp_match(_DIGITS), cast(col(row.value), Integer)))
    told = _exists(CHAIN_LIMITS, and_(number >= NONSENSE, number < length))
    return or_(told, *(is_one_of(kinds) for most, kinds in odd.chain.items() if most < length))


def _lists_any(names: tuple[str, ...]) -> _Found:
    row = StationRootRow
    return (
        select(row.id).where(*_listed(), col(row.known_name).in_(names)).correlate(StationRow).exists()
        if names
        else false()
    )


def _held(*which: Any) -> ColumnElement[int]:
    counted = select(func.count()).select_from(StationRootRow).where(*_listed(), *which)
    return counted.correlate(StationRow).scalar_subquery()


def _listed() -> tuple[_Found, ...]:
    return (col(StationRootRow.station) == col(StationRow.id), col(StationRootRow.gone_at).is_(None))


def _exists(variables: tuple[Variable, ...], condition: _Found) -> _Found:
    """Whether the station told such a value of one of these."""
    row = VariableRow
    named = [and_(col(row.component) == one.component, col(row.name) == one.name) for one in variables]
    found = select(row.id).where(
        col(row.station) == col(StationRow.id), row.attribute == Attribute.ACTUAL.value, or_(*named), condition
    )
    return found.correlate(StationRow).exists()


def _told(subject: Subject) -> tuple[Variable, ...]:
    return (_variable(subject, OcppVersion.V16), _variable(subject))


def _variable(subject: Subject, version: OcppVersion = OcppVersion.V201) -> Variable:
    found = variable_of(subject, version)
    if found is None:
        raise AssertionError(f"{subject} has no name in OCPP {version}")
    return found
