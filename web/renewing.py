"""Renewing certificates, whoever holds their keys: stations are asked, our own credentials are made anew at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from csms_bridge.renewals import Renewal, RenewalState
from pki.authority import Certificate, CertificateFilter, CertificateState
from pki.errors import PkiError, UnknownCertificate
from web.service import Service


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was done about one certificate: `serial` is its own, `renewal.serial` that of the new one."""

    serial: str | None
    common_name: str
    renewal: Renewal


def renew_serials(doors: Service, serials: Sequence[str], by: str) -> list[Renewed]:
    """Renew each of these certificates; one that cannot be is told with the reason."""
    found: list[Certificate | str] = []
    for serial in serials:
        try:
            found.append(doors.authority.certificate(serial))
        except UnknownCertificate:
            found.append(serial)
    stations = [one.station for one in found if isinstance(one, Certificate) and one.station]
    asked = {renewal.station: renewal for renewal in doors.fleet.ask_for_renewal(stations, by)}
    return [_unknown(one) if isinstance(one, str) else _of(doors, one, asked, by) for one in found]


def renew_ending(
    doors: Service, wanted: CertificateFilter, by: str, after: str | None, limit: int
) -> tuple[list[Renewed], str | None]:
    """Ask the stations whose certificate in use ends in the window; and where to go on, None at the end."""
    chosen = replace(wanted, in_use=True, state=CertificateState.GOOD, profile="station")
    found = doors.authority.search_certificates(chosen, after=after, limit=limit + 1)
    part = found[:limit]
    done = renew_serials(doors, [one.serial for one in part], by)
    return done, part[-1].serial if len(found) > limit else None


def renewal_of(doors: Service, station: str | None) -> Renewal | None:
    """The last renewal of a station, if it was ever asked."""
    return next(iter(doors.fleet.renewals(stations=[station])), None) if station else None


def _of(doors: Service, certificate: Certificate, asked: dict[str, Renewal], by: str) -> Renewed:
    renewal = asked[certificate.station] if certificate.station else _by_ourselves(doors, certificate, by)
    return Renewed(certificate.serial, certificate.common_name, renewal)


def _by_ourselves(doors: Service, certificate: Certificate, by: str) -> Renewal:
    try:
        fresh = doors.authority.renew_credential(certificate.serial, by)
    except PkiError as refusal:
        return Renewal("", RenewalState.UNABLE, refusal.sentence)
    return Renewal("", RenewalState.RENEWED, serial=fresh.serial, asked_at=fresh.made_at, asked_by=by)


def _unknown(serial: str) -> Renewed:
    return Renewed(serial, "", Renewal("", RenewalState.UNABLE, "there is no certificate with this serial number"))
