"""Block A: credentials, TLS and certificates, 2.0.1 and 2.1 (reference §7.1), and their like in 1.6 (§7.7)."""

import asyncio
import ssl
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidHandshake, InvalidStatus

from csms_bridge.simulator.keys import self_signed
from tests.conformance.operator import Credential, Key, Operator, until
from tests.conformance.tester import Tester, Version, now, on_line
from tests.conformance.tls import SUITES, check_server_certificate, outdated, shake_hands, trusting
from tests.end_to_end.credentials import expired, showing
from tests.end_to_end.stations import knock
from tests.pki.requests import pem_request

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
KEYS = {"ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()), "rsa": lambda: rsa.generate_private_key(65537, 2048)}


def roots(operator: Operator) -> tuple[str, str]:
    return operator.service.root_pem("root"), operator.service.root_pem("root-rsa")


def certified(operator: Operator, identity: str, version: Version, key: Key) -> Credential:
    """A station on profile 3 with its first certificate."""
    operator.register(identity, version, profile=3)
    return operator.certify(identity, key)


def client(operator: Operator, credential: Credential, folder: Path, suites: str = "") -> ssl.SSLContext:
    return credential.shown_in(trusting(*roots(operator), suites=suites), folder)


# A01-A03, TC_085, TC_088: who gets in


@both
async def test_tc_a_01_csms(operator: Operator, version: Version) -> None:
    """Good Basic credentials: the upgrade, and the boot is accepted, on plain and on TLS."""
    identity, service = f"A-01-{version}", operator.service
    password = operator.register(identity, version)
    async with on_line(service.ocpp_port, identity, version, password=password) as tester:
        await tester.boot()
    secured = trusting(*roots(operator))
    async with on_line(service.ocpp_port, identity, version, password=password, tls=secured) as tester:
        await tester.boot()


@both
async def test_tc_a_02_csms(operator: Operator, version: Version) -> None:
    """A user name that is not the identity in the URL: no upgrade."""
    identity = f"A-02-{version}"
    password = operator.register(identity, version)
    offered = (f"ocpp{version}",)
    wrong = await knock(operator.service, identity, password=password, user="SOMEBODY", subprotocols=offered)
    assert wrong == 401
    assert await knock(operator.service, identity, password=password, subprotocols=offered) == 101


@both
async def test_tc_a_03_csms(operator: Operator, version: Version) -> None:
    """A wrong password: no upgrade."""
    identity = f"A-03-{version}"
    password = operator.register(identity, version)
    offered = (f"ocpp{version}",)
    assert await knock(operator.service, identity, password="not-the-password-1", subprotocols=offered) == 401
    assert await knock(operator.service, identity, password=password, subprotocols=offered) == 101


async def test_tc_085_csms(operator: Operator) -> None:
    """No upgrade without an Authorization header; one with the password as text, or as its hexadecimal."""
    password = operator.register("085", "1.6")
    assert password is not None
    assert await knock(operator.service, "085") == 401
    assert await knock(operator.service, "085", password=password) == 101
    assert await knock(operator.service, "085", password=password.encode().hex()) == 101


async def test_tc_088_csms(operator: Operator) -> None:
    """A subprotocol that nobody knows: no upgrade; beside one that we know, that one."""
    password = operator.register("088", "1.6")
    assert await knock(operator.service, "088", password=password, subprotocols=("ocpp0.1",)) == 400
    assert await knock(operator.service, "088", password=password, subprotocols=("ocpp0.1", "ocpp1.6")) == 101


# TLS


async def tls_case(operator: Operator, identity: str, version: Version) -> None:
    password, trusted = operator.register(identity, version), roots(operator)
    for suite in SUITES:
        met = await asyncio.to_thread(shake_hands, operator.service.tls_port, trusting(*trusted, suites=suite))
        assert (met.version, met.suite) == ("TLSv1.2", suite)
        check_server_certificate(met.certificate, "localhost")
    secured = trusting(*trusted)
    async with on_line(operator.service.tls_port, identity, version, password=password, tls=secured) as tester:
        await tester.boot()


@both
async def test_tc_a_04_csms(operator: Operator, version: Version) -> None:
    """The server's certificates and all four cipher suites; then a boot over TLS."""
    await tls_case(operator, f"A-04-{version}", version)


async def test_tc_086_csms(operator: Operator) -> None:
    """The server's certificates and all four cipher suites; then a boot over TLS."""
    await tls_case(operator, "086", "1.6")


@both
async def test_tc_a_06_csms(operator: Operator, version: Version) -> None:
    """A client that is older than TLS 1.2 is hung up on; then one that is not comes in."""
    identity = f"A-06-{version}"
    password, trusted = operator.register(identity, version), roots(operator)
    for port in (operator.service.tls_port, operator.service.ocpp_port):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.to_thread(shake_hands, port, outdated(*trusted))
    secured = trusting(*trusted)
    async with on_line(operator.service.tls_port, identity, version, password=password, tls=secured) as tester:
        await tester.boot()


async def mutual_case(operator: Operator, identity: str, version: Version, folder: Path) -> None:
    """With each key kind, by each suite that it can do."""
    for kind, suites in (("ecdsa", SUITES[:2]), ("rsa", SUITES[2:])):
        credential = certified(operator, f"{identity}-{kind}", version, KEYS[kind]())
        for suite in suites:
            secured = client(operator, credential, folder, suite)
            async with on_line(operator.service.tls_port, f"{identity}-{kind}", version, tls=secured) as tester:
                await tester.boot()


@both
async def test_tc_a_07_csms(operator: Operator, version: Version, tmp_path: Path) -> None:
    """A good client certificate of each kind, by all four suites: the boot is accepted."""
    await mutual_case(operator, f"A-07-{version}", version, tmp_path)


async def test_tc_087_csms(operator: Operator, tmp_path: Path) -> None:
    """A good client certificate of each kind, by all four suites: the boot is accepted."""
    await mutual_case(operator, "087", "1.6", tmp_path)


@both
async def test_tc_a_08_csms(operator: Operator, version: Version, tmp_path: Path) -> None:
    """A certificate of an unknown authority, another's, and an expired one are turned away; then the good comes in."""
    identity = f"A-08-{version}"
    good = certified(operator, identity, version, KEYS["ecdsa"]())
    others = certified(operator, f"{identity}-2", version, KEYS["ecdsa"]())
    port = operator.service.tls_port
    contexts = [client(operator, bad, tmp_path) for bad in (self_made(identity), others)]
    ended = await asyncio.to_thread(expired, operator.service, identity)
    for context in (*contexts, showing(operator.service, ended, tmp_path)):
        with pytest.raises((ssl.SSLError, ConnectionError, InvalidHandshake)):
            async with on_line(port, identity, version, tls=context):
                pass
    async with on_line(port, identity, version, tls=client(operator, good, tmp_path)) as tester:
        await tester.boot()


def self_made(identity: str) -> Credential:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(f"SN-{identity}", key, datetime.now(UTC))
    return Credential(key, certificate.public_bytes(Encoding.PEM).decode(), f"{identity}-self")


# A02: certificates renewed


def chain_of(pem: str) -> list[x509.Certificate]:
    assert "\r" not in pem
    return x509.load_pem_x509_certificates(pem.encode())


def check_chain(chain: list[x509.Certificate], key: Key, serial: str, trusted: tuple[str, ...]) -> None:
    """Leaf first, of the request's key, for this station, up to the root that the station trusts."""
    assert chain[0].public_key() == key.public_key()
    [common_name] = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == serial
    loaded = [x509.load_pem_x509_certificate(pem.encode()) for pem in trusted]
    for certificate, issuer in pairwise(chain):
        certificate.verify_directly_issued_by(issuer)
    [root] = [root for root in loaded if root.subject in (chain[-1].issuer, chain[-1].subject)]
    chain[-1].verify_directly_issued_by(root)


async def asks(tester: Tester, key: Key) -> None:
    csr = pem_request(key, f"SN-{tester.identity}", "Test Operator")
    kind = {} if tester.version == "1.6" else {"certificateType": "ChargingStationCertificate"}
    number = {"requestId": 4711} if tester.version == "2.1" else {}
    assert await tester.say("SignCertificate", csr=csr, **kind, **number) == {"status": "Accepted"}


async def delivered(operator: Operator, tester: Tester, key: Key, status: str) -> str:
    heard = await tester.hear("CertificateSigned")
    check_chain(chain_of(heard.payload["certificateChain"]), key, f"SN-{tester.identity}", roots(operator))
    rest = {name: value for name, value in heard.payload.items() if name != "certificateChain"}
    kind = {} if tester.version == "1.6" else {"certificateType": "ChargingStationCertificate"}
    assert rest == kind | ({"requestId": 4711} if tester.version == "2.1" else {})
    await heard.answer(status=status)
    chain: str = heard.payload["certificateChain"]
    return chain


async def triggered(operator: Operator, tester: Tester) -> None:
    """The operator asks for a renewal, and the station is triggered, with nothing but the one field."""
    asked = asyncio.create_task(operator.act("certificates/renew", station=tester.identity))
    if tester.version == "1.6":
        heard = await tester.hear("ExtendedTriggerMessage")
        assert heard.payload == {"requestedMessage": "SignChargePointCertificate"}
    else:
        heard = await tester.hear("TriggerMessage")
        assert heard.payload == {"requestedMessage": "SignChargingStationCertificate"}
    await heard.answer(status="Accepted")
    await asked


async def renewal_case(operator: Operator, identity: str, version: Version, kind: str, folder: Path) -> None:
    first, port = certified(operator, identity, version, KEYS[kind]()), operator.service.tls_port
    key = KEYS[kind]()
    async with on_line(port, identity, version, tls=client(operator, first, folder)) as tester:
        await tester.boot()
        await triggered(operator, tester)
        await asks(tester, key)
        chain = await delivered(operator, tester, key, "Accepted")
    second = Credential(key, chain, f"{identity}-second")
    async with on_line(port, identity, version, tls=client(operator, second, folder)) as tester:
        await tester.boot()
        await until(lambda: bool(operator.get(f"stations/{identity}")["online"]))
    with pytest.raises(InvalidStatus):  # the old one is refused once the new one was used
        async with on_line(port, identity, version, tls=client(operator, first, folder)):
            pass


@both
@pytest.mark.parametrize("kind", KEYS)
async def test_tc_a_11_csms(operator: Operator, version: Version, kind: str, tmp_path: Path) -> None:
    """A renewal from the trigger to the connection with the new certificate, for both kinds of keys."""
    await renewal_case(operator, f"A-11-{version}-{kind}", version, kind, tmp_path)


@pytest.mark.parametrize("kind", KEYS)
async def test_tc_074_csms(operator: Operator, kind: str, tmp_path: Path) -> None:
    """A renewal from the trigger, without a connectorId, to the connection with the new certificate; both key kinds."""
    await renewal_case(operator, f"074-{kind}", "1.6", kind, tmp_path)


async def rejection_case(operator: Operator, identity: str, version: Version, event: str, folder: Path) -> None:
    first, port = certified(operator, identity, version, KEYS["ecdsa"]()), operator.service.tls_port
    key = KEYS["ecdsa"]()
    async with on_line(port, identity, version, tls=client(operator, first, folder)) as tester:
        await tester.boot()
        await triggered(operator, tester)
        await asks(tester, key)
        await delivered(operator, tester, key, "Rejected")
        assert await tester.say("SecurityEventNotification", type=event, timestamp=now()) == {}
        await tester.say("Heartbeat")
    async with on_line(port, identity, version, tls=client(operator, first, folder)) as tester:
        await tester.boot()


@both
async def test_tc_a_14_csms(operator: Operator, version: Version, tmp_path: Path) -> None:
    """The station rejects its new certificate and reports it: the old one stays good."""
    await rejection_case(operator, f"A-14-{version}", version, "InvalidChargingStationCertificate", tmp_path)


async def test_tc_077_csms(operator: Operator, tmp_path: Path) -> None:
    """The station rejects its new certificate and reports it: the old one stays good."""
    await rejection_case(operator, "077", "1.6", "InvalidChargePointCertificate", tmp_path)


# A01: the password


async def new_key(tester: Tester, status: str) -> str:
    """1.6: hexadecimal."""
    heard = await tester.hear("ChangeConfiguration")
    assert heard.payload["key"] == "AuthorizationKey"
    await heard.answer(status=status)
    return bytes.fromhex(heard.payload["value"]).decode()


async def new_variable(tester: Tester, status: str) -> str:
    """2.x: text, and nothing else is asked of a quiet station."""
    heard = await tester.hear("SetVariables")
    [entry] = heard.payload["setVariableData"]
    name = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    assert {key: entry[key] for key in name} == name
    await heard.answer(setVariableResult=[{**name, "attributeStatus": status}])
    password: str = entry["attributeValue"]
    return password


async def set_password(tester: Tester, status: str) -> str:
    """The new password, which the station takes or not."""
    return await (new_key if tester.version == "1.6" else new_variable)(tester, status)


async def rotation(operator: Operator, tester: Tester, *, taken: bool) -> str:
    """The operator has the password changed; what came of it is on record. The new password."""
    asked = asyncio.create_task(operator.act(f"stations/{tester.identity}/password/rotate"))
    password = await set_password(tester, "Accepted" if taken else "Rejected")
    assert 16 <= len(password) <= 20
    await asked

    def settled() -> bool:
        [one] = operator.get("passwords/rotations", station=tester.identity)["items"]
        return one["state"] not in ("queued", "sent")

    await until(settled)
    return password


async def password_case(operator: Operator, identity: str, version: Version, *, taken: bool) -> None:
    old, port, offered = operator.register(identity, version), operator.service.ocpp_port, (f"ocpp{version}",)
    async with on_line(port, identity, version, password=old) as tester:
        await tester.boot()
        new = await rotation(operator, tester, taken=taken)
    kept, given_up = (new, old) if taken else (old, new)
    async with on_line(port, identity, version, password=kept) as tester:
        await tester.boot()
    assert await knock(operator.service, identity, password=given_up, subprotocols=offered) == 401


@both
async def test_tc_a_09_csms(operator: Operator, version: Version) -> None:
    """A new password is set; the station comes back with it, and the old one is refused."""
    await password_case(operator, f"A-09-{version}", version, taken=True)


@both
async def test_tc_a_10_csms(operator: Operator, version: Version) -> None:
    """The station does not take the new password: the old one stays good, and the new one is not."""
    await password_case(operator, f"A-10-{version}", version, taken=False)


async def test_tc_073_csms(operator: Operator) -> None:
    """A new AuthorizationKey of 16 to 20 bytes in hexadecimal; the station comes back with it."""
    await password_case(operator, "073", "1.6", taken=True)
