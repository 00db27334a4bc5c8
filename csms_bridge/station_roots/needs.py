"""Which roots a station cannot do without: those above our server's certificates and above its own."""

from csms_bridge.station_roots.rules import Need
from csms_bridge.tables import StationRow
from pki.authority import Authority
from pki.errors import PkiError, UnknownCertificate
from pki.keys import KeyFamily

_SERVER = "server"
_SPELT = {KeyFamily.EC: "ECDSA", KeyFamily.RSA: "RSA"}


def needs_of(authority: Authority, station: StationRow) -> list[Need]:
    """The needs of a station, as far as its last connection tells."""
    found = []
    for family in _families(station):
        try:
            roots = authority.roots_of_servers(family)
        except PkiError:  # we have no server certificate of that kind
            continue
        found.append(Need(f"above our {_SPELT[family]} server certificate", roots, _SERVER))
    if station.certificate_serial:
        try:
            certificate = authority.certificate(station.certificate_serial)
        except UnknownCertificate:
            return found
        found.append(Need("above the station's own certificate", authority.roots_of_station(certificate)))
    return found


def _families(station: StationRow) -> tuple[KeyFamily, ...]:
    """The server certificates that it may have seen: up to TLS 1.2 the cipher suite tells (RFC 5246 §A.5)."""
    cipher = station.cipher or ""
    if not cipher or (station.tls_version or "") > "TLSv1.2":
        return (KeyFamily.EC, KeyFamily.RSA)
    return (KeyFamily.EC,) if "ECDSA" in cipher else (KeyFamily.RSA,)
