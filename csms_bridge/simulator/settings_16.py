"""The configuration keys of a 1.6 station (OCPP 1.6 §9, security whitepaper ed. 3 §5). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from csms_bridge.simulator.certificate_desk import LONGEST_CHAIN, STORE_CAPACITY
from csms_bridge.simulator.config import Fault

SHORTEST_KEY, LONGEST_KEY = 16, 20
"""AuthorizationKey in bytes (WP3 A00.FR.205)."""


@dataclass(frozen=True)
class Key:
    """One configuration key: its factory value and whether the CSMS may only read it."""

    default: str
    read_only: bool = False


PLAIN_KEYS: dict[str, Key] = {
    "AuthorizeRemoteTxRequests": Key("false", read_only=True),
    "ConnectionTimeOut": Key("60"),
    "HeartbeatInterval": Key("300"),
    "LocalPreAuthorize": Key("false"),
    "MeterValueSampleInterval": Key("60"),
    "NumberOfConnectors": Key("1", read_only=True),
    "StopTransactionOnInvalidId": Key("true"),
    "SupportedFeatureProfiles": Key("Core,FirmwareManagement,RemoteTrigger", read_only=True),
    "SupportedFileTransferProtocols": Key("HTTP,HTTPS", read_only=True),
    "WebSocketPingInterval": Key("60"),
}
SECURITY_KEYS: dict[str, Key] = {
    "AdditionalRootCertificateCheck": Key("false", read_only=True),
    "CertificateSignedMaxChainSize": Key(str(LONGEST_CHAIN), read_only=True),
    "CertificateStoreMaxLength": Key(str(STORE_CAPACITY), read_only=True),
    "CpoName": Key(""),
    "SecurityProfile": Key("0"),
}
"""AuthorizationKey is not among them: it is write-only and reads as unknown (EVerest)."""


def read_authorization_key(value: str, faults: Collection[Fault] = ()) -> bytes | None:
    """Decode AuthorizationKey from hexadecimal; None when it is not 16 to 20 bytes of hexadecimal."""
    if Fault.SHORT_PASSWORD in faults:
        return value.encode() if SHORTEST_KEY <= len(value.encode()) <= LONGEST_KEY else None
    shortest, longest = (32, 40) if Fault.LONG_PASSWORD in faults else (SHORTEST_KEY, LONGEST_KEY)
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", value):
        return None
    raw = bytes.fromhex(value)
    return raw if shortest <= len(raw) <= longest else None
