"""A certificate of a station's own."""

from csms_bridge.events import CertificateAsked
from csms_bridge.station import SecurityProfile
from pki.certificates import Certificate
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import SigningRoom
from tests.pki.requests import pem_request


def own_certificate(room: SigningRoom, station: str) -> tuple[Certificate, bytes]:
    """The certificate, and its issuer's in DER."""
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station[3:]}")
    assert room.enrolment.ask(station, CertificateAsked(csr), SecurityProfile.MUTUAL_TLS).accepted
    (delivery,) = room.enrolment.sign_waiting(station)
    made = room.authority.certificate(delivery.serial)
    return made, room.authority.authority(made.authority).der
