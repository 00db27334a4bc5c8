"""Each way of naming a root in the list is understood by the service as what it is."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.hash_data import Deviation, explain, named
from csms_bridge.simulator.certificate_desk import CertificateDesk
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.station_certificates import HashData
from tests.csms_bridge.simulator.stations import DeskBody, Json, a_config
from tests.csms_bridge.simulator.throwaway_authority import ec_key, new_root, pem

OTHER = new_root("Another root")


def short_root() -> x509.Certificate:
    """A root whose serial number leaves room for zeros before it."""
    model, key = new_root("A root").certificate, ec_key()
    builder = x509.CertificateBuilder(model.subject, model.subject, key.public_key(), 0x4711)
    builder = builder.not_valid_before(model.not_valid_before_utc).not_valid_after(model.not_valid_after_utc)
    return builder.sign(key, hashes.SHA256())


ROOT = short_root()


def a_desk(*faults: Fault) -> CertificateDesk:
    body = DeskBody(a_config(*faults))
    body.memory.roots = (StoredRoot(CSMS_ROOT, ROOT), StoredRoot(CSMS_ROOT, OTHER.certificate))
    return CertificateDesk(body, with_type=True, with_request_id=False)


def told_by(desk: CertificateDesk) -> Json:
    return desk.listed([])[0][1]


def read(told: Json) -> HashData:
    return HashData(told["hashAlgorithm"], told["issuerNameHash"], told["issuerKeyHash"], told["serialNumber"])


@pytest.mark.parametrize(
    ("fault", "deviations"),
    [
        (None, ()),
        (Fault.UPPER_CASE_HASHES, (Deviation.UPPER_CASE,)),
        (Fault.PADDED_SERIAL, (Deviation.LEADING_ZEROS,)),
        (Fault.WHOLE_KEY_HASH, (Deviation.WHOLE_KEY_INFO,)),
        (Fault.SHA384_HASHES, ()),
        (Fault.SHA512_HASHES, ()),
    ],
)
def test_what_it_lists_is_understood(fault: Fault | None, deviations: tuple[Deviation, ...]) -> None:
    told = told_by(a_desk(*([fault] if fault else [])))
    assert explain(read(told), named(ROOT.public_bytes(Encoding.DER))) == deviations


@pytest.mark.parametrize("fault", [Fault.UPPER_CASE_HASHES, Fault.PADDED_SERIAL, Fault.WHOLE_KEY_HASH])
def test_it_deletes_by_its_own_words(fault: Fault) -> None:
    desk = a_desk(fault, Fault.LITERAL_HASHES)
    right = told_by(a_desk())
    assert desk.delete({"certificateHashData": right}).payload == {"status": "NotFound"}
    assert desk.delete({"certificateHashData": told_by(desk)}).payload == {"status": "Accepted"}


def test_a_full_store_takes_nothing() -> None:
    desk = a_desk(Fault.STORE_FULL)
    asked = {"certificateType": CSMS_ROOT, "certificate": pem(new_root("A third").certificate)}
    assert desk.install(asked).payload == {"status": "Rejected"}
    assert a_desk().install(asked).payload == {"status": "Accepted"}


def test_one_that_lists_nothing_says_accepted() -> None:
    desk = a_desk(Fault.LISTS_NOTHING)
    assert desk.listed([]) == []
    assert desk.list_status([]) == "Accepted"
    assert a_desk().list_status([]) == "NotFound"
