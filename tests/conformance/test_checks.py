"""Checks of our own, derived from the requirements (reference §7.8); the others are named in cases.toml."""

from pathlib import Path

import pytest
from cryptography import x509
from websockets.exceptions import InvalidStatus

from tests.conformance.operator import Operator
from tests.conformance.test_a_security import KEYS, certified, client
from tests.conformance.tester import Payload, Tester, Version, on_line
from tests.end_to_end.stations import knock
from tests.pki.requests import pem_request

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_check_01(operator: Operator, version: Version, tmp_path: Path) -> None:
    """On profile 3 a BootNotification with another serial number than the certificate's CN ends the connection."""
    identity, port = f"CHECK-01-{version}", operator.service.tls_port
    credential = certified(operator, identity, version, KEYS["ecdsa"]())
    async with on_line(port, identity, version, tls=client(operator, credential, tmp_path)) as tester:
        answer = await tester.say("BootNotification", **tester.about(serial="SN-ANOTHER"))
        assert answer["status"] == "Rejected"
        await tester.closed()
    async with on_line(port, identity, version, tls=client(operator, credential, tmp_path)) as tester:
        await tester.boot()


async def test_check_04(operator: Operator, tmp_path: Path) -> None:
    """A revoked certificate ends the live connection, and is refused at the next."""
    identity, port = "CHECK-04", operator.service.tls_port
    credential = certified(operator, identity, "2.0.1", KEYS["ecdsa"]())
    async with on_line(port, identity, "2.0.1", tls=client(operator, credential, tmp_path)) as tester:
        await tester.boot()
        await operator.act(f"certificates/{credential.serial}/revoke", reason="cessationOfOperation")
        await tester.closed()
    with pytest.raises(InvalidStatus) as refused:
        async with on_line(port, identity, "2.0.1", tls=client(operator, credential, tmp_path)):
            pass
    assert refused.value.response.status_code == 401


async def test_check_13(operator: Operator) -> None:
    """Unknown identity 404, malformed header 400, wrong credentials 401 with WWW-Authenticate."""
    operator.register("CHECK-13", "2.0.1")
    found = {}
    for identity in ("CHECK-13", "CHECK-13-NOBODY"):
        with pytest.raises(InvalidStatus) as refused:
            async with on_line(operator.service.ocpp_port, identity, "2.0.1", password="x" * 20):
                pass
        response = refused.value.response
        found[identity] = (response.status_code, response.headers.get("WWW-Authenticate"))
    assert found == {"CHECK-13": (401, 'Basic realm="ocpp"'), "CHECK-13-NOBODY": (404, None)}
    malformed = {"Authorization": "Basic !!!"}
    assert await knock(operator.service, "CHECK-13", headers=malformed, subprotocols=("ocpp2.0.1",)) == 400


async def asked(tester: Tester, csr: str) -> str:
    answer: Payload = await tester.say("SignCertificate", csr=csr)
    return str(answer["status"])


async def test_check_08(operator: Operator) -> None:
    """Two requests in flight get a certificate each, a repeated one the same; odd spellings are read, bad refused."""
    keys = [KEYS["ecdsa"](), KEYS["ecdsa"]()]
    csrs = [pem_request(key, "SN-CHECK-08", "Test Operator") for key in keys]
    async with operator.station("CHECK-08", "1.6") as tester:
        assert [await asked(tester, csr) for csr in csrs] == ["Accepted", "Accepted"]
        taken = {}
        for _ in csrs:
            heard = await tester.hear("CertificateSigned")
            leaf = x509.load_pem_x509_certificates(heard.payload["certificateChain"].encode())[0]
            taken[leaf.public_key().public_numbers()] = leaf.serial_number
            await heard.answer(status="Accepted")
        assert set(taken) == {key.public_key().public_numbers() for key in keys}
        for odd in (csrs[0].replace("\n", "\r\n"), "Key-Purpose: station\n" + csrs[0]):
            assert await asked(tester, odd) == "Accepted"
            heard = await tester.hear("CertificateSigned")
            leaf = x509.load_pem_x509_certificates(heard.payload["certificateChain"].encode())[0]
            assert leaf.serial_number == taken[keys[0].public_key().public_numbers()]
            await heard.answer(status="Accepted")
        foreign = pem_request(KEYS["ecdsa"](), "SN-ANOTHER", "Test Operator")
        for bad in (foreign, "no request", csrs[0][:200]):
            assert await asked(tester, bad) == "Rejected"
