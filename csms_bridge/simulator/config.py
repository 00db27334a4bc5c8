"""What one simulated station is told before it starts: who it is, where it dials and what it does wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

OcppVersion = Literal["1.6", "2.0.1", "2.1"]
VERSIONS: tuple[OcppVersion, ...] = ("1.6", "2.0.1", "2.1")
KeyKind = Literal["ec", "rsa"]

LONGEST_NAME = {"serial": 64, "vendor": 20, "model": 20}
"""Characters: what a CN holds (X.520), and what every version's BootNotification has room for."""


class Fault(StrEnum):
    """One departure from the good behaviour each. The value is how the command line spells it.

    Faults may be combined; each rule stands alone.
    """

    rule: str

    def __new__(cls, spelling: str, rule: str) -> Fault:
        """Make a member that is its spelling and knows its rule, one sentence for help texts."""
        member = str.__new__(cls, spelling)
        member._value_ = spelling
        member.rule = rule
        return member

    REFUSE_ROOT = (
        "refuse-root",
        "Answers Rejected to every InstallCertificate.",
    )
    REFUSE_CERTIFICATE = (
        "refuse-certificate",
        ("Answers Rejected to every CertificateSigned and reports the invalid certificate as a security event."),
    )
    REFUSE_PROFILE = (
        "refuse-profile",
        ("Refuses every raise: ChangeConfiguration(SecurityProfile), SetNetworkProfile and a slot's SecurityProfile."),
    )
    REFUSE_PASSWORD = (
        "refuse-password",
        "Answers Rejected to every new Basic password and keeps the old one.",
    )
    FALL_BACK = (
        "fall-back",
        (
            "Accepts a higher profile, but trusts no root when it dials on it. Every TLS attempt on the "
            "new profile really fails at the certificate check, so after its attempts it returns to the "
            "old profile."
        ),
    )
    ACCEPT_AND_IDLE = (
        "accept-and-idle",
        "1.6: answers Accepted to SecurityProfile and does nothing at all (seen on a real simulator stack).",
    )
    NEEDS_REBOOT = (
        "needs-reboot",
        "1.6: answers RebootRequired to SecurityProfile and dials on the new profile only after a Reset.",
    )
    SLEEP = (
        "sleep",
        ("After it accepted a higher profile it stays offline for `StationConfig.sleep` seconds before it dials."),
    )
    DROP_ANSWER = (
        "drop-answer",
        ("Acts on a command, then the connection breaks before its answer is sent. Once for each changing action."),
    )
    NO_ANSWER = (
        "no-answer",
        "Acts on a command and never answers it; the connection stays. Once for each changing action.",
    )
    REJECT_TRIGGER = (
        "reject-trigger",
        "Answers Rejected to every TriggerMessage and ExtendedTriggerMessage.",
    )
    WRONG_CN = (
        "wrong-cn",
        "Its CSR names another serial number as CN.",
    )
    WRONG_ORGANISATION = (
        "wrong-organisation",
        "Its CSR names another organisation as O.",
    )
    CSR_GARBAGE = (
        "csr-garbage",
        "Sends text that is no CSR at all in SignCertificate.",
    )
    CSR_VERSION_2 = (
        "csr-version-2",
        "Its CSR says version 2 (the field holds 1), as open-ocpp does; the signature is good.",
    )
    REPEAT_CSR = (
        "repeat-csr",
        ("Sends SignCertificate again, with a new key, after `StationConfig.back_off` seconds, answered or not."),
    )
    ONE_REQUEST = (
        "one-request",
        "Answers Rejected to a certificate trigger while it still waits for a certificate (EVerest).",
    )
    CHAIN_NEEDS_ROOT = (
        "chain-needs-root",
        "Takes a delivered chain only when it ends in the self-signed root (open-ocpp).",
    )
    EXPIRED_CERTIFICATE = (
        "expired-certificate",
        ("Accepts a renewed certificate but goes on presenting its first one, also when that has long expired."),
    )
    FOREIGN_CERTIFICATE = (
        "foreign-certificate",
        "At profile 3 it presents a certificate that it signed itself.",
    )
    NO_RECONNECT = (
        "never-reconnect-after-certificate",
        "Takes a renewed certificate into use only when the connection ends for another reason.",
    )
    LITERAL_HEX_PASSWORD = (
        "literal-hex-password",
        "1.6: sends the hexadecimal text of AuthorizationKey as its password, not the bytes it stands for.",
    )
    NO_SECURITY_EXTENSION = (
        "no-security-extension",
        "1.6: knows neither the messages nor the configuration keys of the security whitepaper.",
    )
    NO_NETWORK_VARIABLES = (
        "no-network-variables",
        "2.1: has no component NetworkConfiguration; SetNetworkProfile is the only way to fill a slot.",
    )
    OTHER_SLOTS = (
        "other-slots",
        "2.x: its network configuration slots are 3 and 7, where others have 1 and 2.",
    )
    ABRUPT_CLOSE = (
        "abrupt-close",
        "Never sends a WebSocket close frame; every close looks like a break (EVerest).",
    )
    NO_SERVER_CHECK = (
        "no-server-check",
        "Does not look at the server's certificate (seen on MicroOcpp and VCP).",
    )
    ADDITIONAL_ROOT_CHECK = (
        "additional-root-check",
        "AdditionalRootCertificateCheck is true: a further CSMS root must be signed by the old one.",
    )
    UPPER_CASE_HASHES = (
        "upper-case-hashes",
        "Lists its roots with hashes and serial numbers in upper case (MicroOcpp).",
    )
    PADDED_SERIAL = (
        "padded-serial",
        "Lists its roots with serial numbers that are filled up with zeros to 40 digits (open-ocpp, shiv3 add some).",
    )
    WHOLE_KEY_HASH = (
        "whole-key-hash",
        "Lists its roots with a key hash over the whole SubjectPublicKeyInfo (SAP).",
    )
    SHA384_HASHES = (
        "sha384-hashes",
        "Lists its roots by SHA-384 hashes.",
    )
    SHA512_HASHES = (
        "sha512-hashes",
        "Lists its roots by SHA-512 hashes.",
    )
    LITERAL_HASHES = (
        "literal-hashes",
        "Deletes a root only when it is named letter for letter as it listed it, and answers NotFound otherwise.",
    )
    LISTS_NOTHING = (
        "lists-nothing",
        "Answers Accepted to GetInstalledCertificateIds and lists nothing, whatever it holds.",
    )
    LISTS_LEAF = (
        "lists-leaf",
        "Lists its own certificate as a CSMS root too (SAP).",
    )
    STORE_FULL = (
        "store-full",
        "Its certificate store has room for what it holds now and for nothing more.",
    )
    NEEDS_COUNTRY = (
        "needs-country",
        "2.x: rejects a certificate trigger until CountryName and OrganizationName are set (EVerest).",
    )
    RSA_ONLY_TLS = (
        "rsa-only-tls",
        "Speaks TLS 1.2 with the RSA suites only, as a station that cannot do ECDSA.",
    )
    REVEALS_PASSWORD = (
        "reveals-password",
        "Tells its Basic password to whoever reads its settings (MicroOcpp).",
    )
    SMALL_QUESTIONS = (
        "small-questions",
        "2.x: refuses a GetVariables of more than 600 octets and does not say how long it may be (EVerest: 2,048).",
    )
    NO_SETTINGS = (
        "no-settings",
        "Knows neither GetConfiguration nor GetVariables nor GetBaseReport: answers NotSupported.",
    )
    LOST_PART = (
        "lost-part",
        "2.x: the second part of every report never comes.",
    )
    ENDLESS_REPORT = (
        "endless-report",
        "2.x: a report goes on for ever, with ever new variables.",
    )
    URL_KEY = (
        "url-key",
        (
            "1.6: dials what its maker's key ConnexionUrl (or Cst_BackendUrl) says, whatever its profile, and "
            "answers RebootRequired when it is written (open-ocpp)."
        ),
    )
    SHORT_PASSWORD = (
        "short-password",
        "1.6: AuthorizationKey is the text of the password, of 16 to 20 characters.",
    )
    LONG_PASSWORD = (
        "long-password",
        "Refuses a Basic password of fewer than 32 bytes.",
    )
    NEEDS_RESTART = (
        "needs-restart",
        "1.6: accepts a higher profile, drops the line, and dials on that profile only after a Reset.",
    )
    SOFT_RESET_ONLY = (
        "soft-reset-only",
        "1.6: answers Rejected to a hard Reset.",
    )
    LEAF_ONLY = (
        "leaf-only",
        "Takes a delivered chain only when it is the leaf alone; the authority above it may be installed.",
    )
    LEAF_LAST = (
        "leaf-last",
        "Takes a delivered chain only when it begins at the top and ends with the leaf.",
    )
    ONE_ROOT = (
        "one-root",
        "Keeps one CSMS root: a new one takes the place of the old one.",
    )
    ROOTS_FROM_TLS = (
        "roots-from-tls",
        "Answers Rejected to InstallCertificate below profile 2 (EVerest, where it is configured so).",
    )
    ASKS_BY_ITSELF = (
        "asks-by-itself",
        "Knows no trigger for a certificate request; asks by itself after each connection while it has no certificate.",
    )
    ASKS_AT_BOOT = (
        "asks-at-boot",
        "Knows no trigger for a certificate request; asks once after each restart while it has no certificate.",
    )
    SLOW_CLOCK = (
        "slow-clock",
        "Its clock is three hours behind.",
    )
    FIRMWARE_REFUSED = (
        "firmware-refused",
        "Answers Rejected to every firmware update.",
    )
    FIRMWARE_REVOKED = (
        "firmware-revoked",
        "Answers RevokedCertificate to every firmware update.",
    )
    FIRMWARE_ONE_AT_A_TIME = (
        "firmware-one-at-a-time",
        "Answers Rejected to a firmware update while another one is under way (TC_L_11).",
    )
    FIRMWARE_DOWNLOAD_FAILS = (
        "firmware-download-fails",
        "Downloads no firmware: DownloadFailed after as many tries as were asked for.",
    )
    FIRMWARE_BAD_SIGNATURE = (
        "firmware-bad-signature",
        "Takes every firmware signature for wrong: InvalidSignature.",
    )
    FIRMWARE_PSS = (
        "firmware-pss",
        "Verifies RSA signatures of firmware by RSA-PSS, as OCPP recommends, and not by PKCS#1 v1.5.",
    )
    FIRMWARE_VERIFICATION_FAILS = (
        "firmware-verification-fails",
        "Finds fault with every image when it installs it: InstallVerificationFailed.",
    )
    FIRMWARE_INSTALLATION_FAILS = (
        "firmware-installation-fails",
        "Comes back with the old firmware after it restarted to install: InstallationFailed (TC_L_09).",
    )
    FIRMWARE_NEVER_RETURNS = (
        "firmware-never-returns",
        "Restarts to install firmware and is never seen again.",
    )
    FIRMWARE_WRONG_VERSION = (
        "firmware-wrong-version",
        "Says Installed, and goes on with the firmware that it had.",
    )
    FIRMWARE_FALLS_BACK = (
        "firmware-falls-back",
        "Says Installed, comes back with the new firmware, and restarts with the old one a moment later.",
    )
    FIRMWARE_NO_END = (
        "firmware-no-end",
        "Installs, comes back with the new firmware, and never says Installed (open-ocpp).",
    )
    FIRMWARE_REPEATS = (
        "firmware-repeats",
        "Sends every firmware status twice.",
    )


@dataclass(frozen=True, kw_only=True)
class StationConfig:
    """One station as it leaves the factory.

    `state_dir`, when given, holds the station's memory between runs; what is found there wins over the
    factory values below (profile, password, roots).
    """

    identity: str
    serial: str
    """Goes to CN of the CSR; a BootNotification names it only when it has room for it (25 characters)."""
    url: str
    """`ws://host:port/any/path`, without the identity; for profiles 2 and 3 it is dialled as `wss://`."""
    version: OcppVersion = "1.6"
    profile: int = 1
    """OCPP's own number: 0 nothing, 1 Basic, 2 Basic over TLS, 3 mutual TLS."""
    password: bytes | None = field(default=None, repr=False)
    """The Basic password as raw bytes (1.6: what AuthorizationKey decodes to; 2.x: UTF-8 text)."""
    organisation: str | None = None
    """CpoName or OrganizationName; goes to O of the CSR."""
    roots: tuple[str, ...] = ()
    """CSMS roots installed in the factory, PEM."""
    key_kind: KeyKind = "ec"
    faults: frozenset[Fault] = frozenset()
    vendor: str = "Voltward"
    model: str = "Simulated"
    firmware: str = "1.0.0"
    connectors: int = 1
    back_off: float = 1.0
    """Seconds before the first redial, after a loss or on purpose; later waits grow up to 32 times this."""
    fall_back_after: int = 3
    """Failed attempts on a new profile, slot or certificate before the station returns to the old one."""
    heartbeat: float = 0.0
    """Seconds between Heartbeats; 0 takes the interval of the BootNotification answer."""
    answer_within: float = 30.0
    """Seconds the station waits for an answer of the CSMS, and for a connection to open at most."""
    signing_wait: float = 30.0
    """CertSigningWaitMinimum in seconds: how long it waits for a certificate before it asks again."""
    renewal_check: float = 60.0
    """Seconds after each connection at which it looks whether its certificate ends within a month."""
    sleep: float = 30.0
    """Seconds offline under `Fault.SLEEP`."""
    state_dir: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no station could be. Raises ValueError with the field's name first."""
        if urlsplit(self.url).scheme not in ("ws", "wss"):
            raise ValueError(f"url: must begin with ws:// or wss://, not {self.url!r}")
        for name in ("serial", "vendor", "model"):
            if not 0 < len(getattr(self, name)) <= LONGEST_NAME[name]:
                raise ValueError(f"{name}: must have 1 to {LONGEST_NAME[name]} characters")
        if self.profile not in (0, 1, 2, 3):
            raise ValueError(f"profile: must be 0, 1, 2 or 3, not {self.profile}")
        if not self.identity:
            raise ValueError("identity: must not be empty")
        if ":" in self.identity and self.profile in (1, 2):
            raise ValueError("identity: must not contain ':' when the station uses Basic authentication")
        if self.profile in (1, 2) and not self.password:
            raise ValueError(f"password: needed for profile {self.profile}")

    def has(self, fault: Fault) -> bool:
        """Tell whether the station was given this fault."""
        return fault in self.faults
