"""Keys with certificates as stations hold them: made by the service's own authority, or by a maker's."""

import ssl
import time
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from csms_bridge.simulator.certificates import Credential
from csms_bridge.simulator.config import StationConfig
from csms_bridge.simulator.keys import make_csr
from pki.authority import Order
from pki.clock import utc_now
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import trusting
from tests.pki.makers import Maker
from web.data_folder import open_folder

ENDING = {"VOLTWARD_STATION_BACKDATE": "PT1S", "VOLTWARD_STATION_VALIDITY": "PT3S"}
"""Certificates that end in two seconds."""


def own(service: RunningService, station: str, *, validity: timedelta | None = None, **settings: str) -> Credential:
    """A certificate of ours for a registered station, good for `validity` from now on; a new key each time."""
    key = ec.generate_private_key(ec.SECP256R1())
    folder = open_folder(service.folder, {**service.environment, **settings})
    try:
        serial = folder.fleet.station(station).serial
        config = StationConfig(identity=station, serial=serial, url="ws://localhost", profile=0)
        request = folder.authority.read_request(make_csr(config, "Test Operator", key))
        order = Order(request=request, profile="station", common_name=serial, station=station, validity=validity)
        issued = folder.authority.issue(order, by="tests")
    finally:
        folder.close()
    return Credential(key, tuple(x509.load_pem_x509_certificates(issued.chain_pem.encode())))


def expired(service: RunningService, station: str) -> Credential:
    """One that has just ended."""
    credential = own(service, station, **ENDING)
    while utc_now() <= credential.leaf.not_valid_after_utc:
        time.sleep(0.1)
    return credential


def makers(maker: Maker, name: str) -> Credential:
    """A certificate of a maker for a new key; `name` is its CN."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Credential(key, (maker.certify(name, key),))


def showing(service: RunningService, credential: Credential, folder: Path) -> ssl.SSLContext:
    """A client's context that trusts our root and shows this certificate."""
    chain, key = folder / f"{credential.serial}.pem", folder / f"{credential.serial}.key"
    chain.write_bytes(b"".join(link.public_bytes(Encoding.PEM) for link in credential.chain))
    key.write_bytes(credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = trusting(service.root_pem())
    context.load_cert_chain(chain, key)
    return context
