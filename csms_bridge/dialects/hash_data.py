"""`certificateHashData` and OCSPRequestData, which are alike in all three versions."""

from collections.abc import Mapping

from csms_bridge.dialects.fields import object_in, text_of, texts_in
from csms_bridge.frames import Json
from csms_bridge.station_certificates import HashData, ListedCertificate, StatusRequest, StatusSource


def spell_hash_data(hash_data: HashData) -> Json:
    """As CertificateHashDataType, letter for letter: a station deletes by its own spelling alone (2.x M04.FR.07)."""
    return {
        "hashAlgorithm": hash_data.algorithm,
        "issuerNameHash": hash_data.issuer_name_hash,
        "issuerKeyHash": hash_data.issuer_key_hash,
        "serialNumber": hash_data.serial_number,
    }


def read_hash_data(entry: Mapping[str, object]) -> HashData:
    """From CertificateHashDataType; what is missing is empty."""
    names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    return HashData(*(text_of(entry, name) for name in names))


def serials_of(certificates: tuple[ListedCertificate, ...]) -> str:
    """Their serial numbers, blank-separated."""
    return " ".join(one.hash_data.serial_number for one in certificates)


def read_ocsp_request(entry: Mapping[str, object]) -> StatusRequest:
    """From OCSPRequestDataType."""
    url = text_of(entry, "responderURL")
    return StatusRequest(read_hash_data(entry), (url,) if url else ())


def read_status_request(entry: Mapping[str, object]) -> StatusRequest:
    """From 2.1's CertificateStatusRequestInfoType."""
    source = StatusSource.CRL if entry.get("source") == "CRL" else StatusSource.OCSP
    return StatusRequest(read_hash_data(object_in(entry, "certificateHashData")), texts_in(entry, "urls"), source)
