"""A data folder with a fleet in it: stations on profile 3, each with a key and a certificate of ours."""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.crowd import identity
from benchmarks.serving import new_folder
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from pki.authority import Certificate, Order
from pki.csr import read_request
from web.data_folder import open_folder
from web.service import Service


def make_fleet(folder: Path, stations: Path, count: int) -> Path:
    """Fill `stations` with one file (key and chain, PEM) for each; returns the file of the root."""
    new_folder(folder)
    stations.mkdir()
    service = open_folder(folder, os.environ)
    try:
        new = [
            NewStation(identity(number), f"SN-{number}", OcppVersion.V201, SecurityProfile.MUTUAL_TLS)
            for number in range(count)
        ]
        service.fleet.import_stations(new, "bench")
        _certify(service, stations, count)
        root = stations / "root.pem"
        root.write_text(service.authority.operator_root().certificate_pem, encoding="ascii")
    finally:
        service.close()
    return root


def _certify(service: Service, stations: Path, count: int) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]
    orders = [_order(number, key) for number, key in enumerate(keys)]
    for number, made in enumerate(service.authority.issue_each(orders, "bench")):
        if not isinstance(made, Certificate):
            raise made
        pem = keys[number].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (stations / f"{number}.pem").write_text(pem + made.chain_pem, encoding="ascii")


def _order(number: int, key: ec.EllipticCurvePrivateKey) -> Order:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"SN-{number}")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = read_request(csr.public_bytes(Encoding.DER))
    return Order(request, "station", f"SN-{number}", station=identity(number))
