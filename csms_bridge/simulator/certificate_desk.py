"""Certificate work of a station, the same in every OCPP version (use cases A02, A03, M03, M04, M05)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection

from cryptography import x509

from csms_bridge.simulator import root_store
from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificates import (
    HASHES,
    CertificateName,
    ChainRefused,
    Credential,
    accept_chain,
    ends_within_a_month,
    name_certificate,
    public_bytes,
    read_chain,
    serial_hex,
    utc_now,
)
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.events import CertificateInstalled, CertificateRequested, RootInstalled
from csms_bridge.simulator.hash_spelling import spell
from csms_bridge.simulator.keys import PrivateKey, make_csr, new_key
from csms_bridge.simulator.memory import PendingKey
from csms_bridge.simulator.slots import MUTUAL_TLS, TLS_PROFILE
from csms_bridge.simulator.wire import Answer, CallFailed, ConnectionLost, JsonObject

STORE_CAPACITY = 10
LONGEST_CHAIN = 10_000
REPEATS = 2
"""CertSigningRepeatTimes, as EVerest ships it for 1.6 and 2.x."""
RENEWAL_EVERY = 12 * 3600.0


class CertificateDesk:
    """Asks for certificates and judges those that are delivered."""

    def __init__(self, body: Body, *, with_type: bool, with_request_id: bool) -> None:
        self._body = body
        self._with_type = with_type
        self._with_request_id = with_request_id
        self._request_ids = itertools.count(1)
        self._delivered = asyncio.Event()
        self._requesting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Tell whether a certificate has been asked for and has not come."""
        return self._requesting is not None and not self._requesting.done()

    async def request(self) -> None:
        """Begin a new request; an older one is given up, though its key is kept for a late answer."""
        if self._requesting:
            self._requesting.cancel()
        self._requesting = self._body.run_long(self._ask_until_delivered())

    async def watch_expiry(self) -> None:
        """On profile 3, ask for a new certificate when the present one ends within a month (A03.FR.02)."""
        await asyncio.sleep(self._body.config.renewal_check)
        while True:
            credentials = self._body.memory.credentials
            in_use = self._body.memory.profile == MUTUAL_TLS and credentials and not self.waiting
            if in_use and ends_within_a_month(credentials[0].leaf, utc_now()):
                await self.request()
            await asyncio.sleep(RENEWAL_EVERY)

    async def _ask_until_delivered(self) -> None:
        """Send SignCertificate, again with a new key after a growing wait (2.x A02.FR.17-19)."""
        config = self._body.config
        if config.has(Fault.REPEAT_CSR):
            await self._ask_once()
            await asyncio.sleep(config.back_off)
        self._delivered.clear()
        wait = config.signing_wait
        for _ in range(1 + REPEATS):
            if not await self._ask_once() or await self._delivered_within(wait):
                return
            wait *= 2

    async def _delivered_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._delivered.wait()
        except TimeoutError:
            return False
        return True

    async def _ask_once(self) -> bool:
        """Make a key and send its CSR; tell whether the CSMS will sign. The key is stored first."""
        body = self._body
        key = await asyncio.to_thread(new_key, body.config.key_kind)
        pending = PendingKey(key, next(self._request_ids) if self._with_request_id else None)
        body.memory.keep_pending(pending)
        body.memory.remember()
        try:
            answer = await body.call("SignCertificate", self._request_payload(pending))
        except (CallFailed, ConnectionLost):
            return False
        body.emit(CertificateRequested(body.config.identity, answer["status"]))
        return bool(answer["status"] == "Accepted")

    def _request_payload(self, pending: PendingKey) -> JsonObject:
        memory, config = self._body.memory, self._body.config
        organisation = memory.settings.get("organisation", config.organisation)
        payload: JsonObject = {"csr": make_csr(config, organisation, pending.key)}
        if self._with_type:
            payload["certificateType"] = "ChargingStationCertificate"
        if pending.request_id is not None:
            payload["requestId"] = pending.request_id
        return payload

    def certificate_signed(self, payload: JsonObject) -> Answer:
        """Answer CertificateSigned; on profile 3 the new certificate is taken into use at once (201E)."""
        body = self._body
        try:
            credential = self._judge(payload)
        except ChainRefused as refusal:
            self._delivered.set()
            body.report("InvalidChargingStationCertificate", refusal.cause)
            return Answer({"status": "Rejected"})
        self._store(credential)
        body.emit(CertificateInstalled(body.config.identity, credential.serial))
        in_use = body.memory.profile == MUTUAL_TLS and body.client_serial != credential.serial
        stays = body.config.has(Fault.NO_RECONNECT) or body.config.has(Fault.EXPIRED_CERTIFICATE)
        return Answer({"status": "Accepted"}, body.redial if in_use and not stays else None)

    def _judge(self, payload: JsonObject) -> Credential:
        config, memory = self._body.config, self._body.memory
        text: str = payload["certificateChain"]
        if config.has(Fault.REFUSE_CERTIFICATE):
            raise ChainRefused("InvalidFormat")
        if len(text) > LONGEST_CHAIN:
            raise ChainRefused("TooLargeElement")
        return accept_chain(
            _in_its_order(read_chain(text), config.faults),
            self._keys_for(payload),
            memory.csms_roots,
            utc_now(),
            needs_root=config.has(Fault.CHAIN_NEEDS_ROOT),
            looks_up=not config.has(Fault.LEAF_ONLY),
        )

    def _keys_for(self, payload: JsonObject) -> list[PrivateKey]:
        """Give the keys a delivery may belong to; a repeat of the present certificate is fine too.

        2.1: the request id must be one of ours (A02.FR.25, .26).
        """
        pending = self._body.memory.pending
        present = [own.key for own in self._body.memory.credentials]
        if not self._with_request_id:
            return [wait.key for wait in pending] + present
        wanted = [wait.key for wait in pending if wait.request_id == payload.get("requestId")]
        return wanted + present

    def _store(self, credential: Credential) -> None:
        memory = self._body.memory
        mine = public_bytes(credential.key)
        memory.pending = tuple(wait for wait in memory.pending if public_bytes(wait.key) != mine)
        if credential.serial not in [own.serial for own in memory.credentials]:
            memory.credentials = (credential, *memory.credentials[-1:])
        memory.remember()
        self._delivered.set()

    def install(self, payload: JsonObject) -> Answer:
        """Answer InstallCertificate (M05)."""
        body = self._body
        spelling: str = payload["certificateType"]
        kind = root_store.SPELLINGS.get(spelling, spelling)
        try:
            early = body.config.has(Fault.ROOTS_FROM_TLS) and body.memory.profile < TLS_PROFILE
            if early or body.config.has(Fault.REFUSE_ROOT):
                raise root_store.RootRefused("Refused")
            body.memory.roots = root_store.install(
                self._beside(kind),
                kind,
                payload["certificate"],
                utc_now(),
                capacity=self.capacity,
                checks_new_root=body.config.has(Fault.ADDITIONAL_ROOT_CHECK),
            )
        except root_store.RootRefused as refusal:
            if kind == root_store.CSMS_ROOT:
                body.report("InvalidCsmsCertificate", refusal.cause)
            return Answer({"status": "Rejected"})
        body.memory.remember()
        serial = serial_hex(body.memory.roots[-1].certificate)
        body.emit(RootInstalled(body.config.identity, kind, serial))
        return Answer({"status": "Accepted"})

    def _beside(self, kind: str) -> tuple[root_store.StoredRoot, ...]:
        """What stays in the store beside a new certificate."""
        if kind != root_store.CSMS_ROOT or not self._body.config.has(Fault.ONE_ROOT):
            return self._body.memory.roots
        return tuple(root for root in self._body.memory.roots if root.kind != kind)

    @property
    def capacity(self) -> int:
        """How many certificates its store has room for."""
        return len(self._body.memory.roots) if self._body.config.has(Fault.STORE_FULL) else STORE_CAPACITY

    def delete(self, payload: JsonObject) -> Answer:
        """Answer DeleteCertificate (M04): never the station's own, never the last root that TLS needs."""
        data, memory = payload["certificateHashData"], self._body.memory
        name = CertificateName(
            data["hashAlgorithm"], data["issuerNameHash"], data["issuerKeyHash"], data["serialNumber"]
        )
        if self._is_own(name):
            return Answer({"status": "Failed"})
        root = self._named(name)
        if root is None:
            return Answer({"status": "NotFound"})
        needed = memory.profile >= TLS_PROFILE and memory.csms_roots == (root.certificate,)
        if needed:
            return Answer({"status": "Failed"})
        memory.roots = tuple(other for other in memory.roots if other != root)
        memory.remember()
        return Answer({"status": "Accepted"})

    def _is_own(self, name: CertificateName) -> bool:
        chains = [own.chain for own in self._body.memory.credentials if len(own.chain) > 1]
        if name.algorithm not in HASHES:
            return False
        return any(name_certificate(chain[0], chain[1], name.algorithm).matches(name) for chain in chains)

    def _named(self, name: CertificateName) -> root_store.StoredRoot | None:
        """Find the root that a name means: one of the names that it lists, or (unless it is literal) any good one."""
        literal = self._body.config.has(Fault.LITERAL_HASHES)
        for root, own in self._spelt():
            if own == name if literal else own.matches(name):
                return root
        return None if literal else root_store.find(self._body.memory.roots, name)

    def _spelt(self) -> list[tuple[root_store.StoredRoot, CertificateName]]:
        faults = self._body.config.faults
        found = root_store.with_issuers(self._body.memory.roots)
        return [(root, spell(root.certificate, issuer, faults)) for root, issuer in found]

    def listed(self, kinds: list[str]) -> list[tuple[str, JsonObject]]:
        """Give kind (2.x name) and CertificateHashDataType of every listed root of these kinds (M03)."""
        config = self._body.config
        if config.has(Fault.LISTS_NOTHING):
            return []
        found = [(root.kind, _hash_data(name)) for root, name in self._spelt()]
        chains = [own.chain for own in self._body.memory.credentials[:1] if len(own.chain) > 1]
        if config.has(Fault.LISTS_LEAF):
            leaves = (spell(chain[0], chain[1], config.faults) for chain in chains)
            found += [(root_store.CSMS_ROOT, _hash_data(name)) for name in leaves]
        return [(kind, data) for kind, data in found if not kinds or kind in kinds]

    def list_status(self, found: object) -> str:
        """Give the status of GetInstalledCertificateIds."""
        return "Accepted" if found or self._body.config.has(Fault.LISTS_NOTHING) else "NotFound"


def _in_its_order(chain: tuple[x509.Certificate, ...], faults: Collection[Fault]) -> tuple[x509.Certificate, ...]:
    """The chain as the station looks through it, leaf first. Raises ChainRefused for a form that it does not take."""
    if Fault.LEAF_ONLY in faults and len(chain) > 1:
        raise ChainRefused("InvalidFormat")
    return chain[::-1] if Fault.LEAF_LAST in faults else chain


def _hash_data(name: CertificateName) -> JsonObject:
    return {
        "hashAlgorithm": name.algorithm,
        "issuerNameHash": name.issuer_name_hash,
        "issuerKeyHash": name.issuer_key_hash,
        "serialNumber": name.serial,
    }
