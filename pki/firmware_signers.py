"""Our firmware signers: which key signs now, under a manufacturer's root that is here or one that is kept elsewhere.

Under a root that is here a signer is made and renewed by itself. Once a signer was certified elsewhere, that one
signs until it ends; nothing takes its place by itself, since the stations may know no other root.
"""

from datetime import datetime

from cryptography import x509

from pki.certificates import pem_of
from pki.credentials import Credential, Credentials, Slot
from pki.errors import RenewalRefused, SignerUnavailable
from pki.hierarchy import AuthorityInfo, AuthorityKind, Custody, Hierarchy, HierarchyName
from pki.keys import KeyAlgorithm, KeyFamily, SignatureScheme, algorithm_of, check_key_strength
from pki.profiles import Profile

SLOTS = {KeyFamily.EC: "firmware", KeyFamily.RSA: "firmware-rsa"}
_ALGORITHM = {KeyFamily.EC: KeyAlgorithm.EC_P256, KeyFamily.RSA: KeyAlgorithm.RSA_3072}


def title_of(family: KeyFamily) -> str:
    """The common name of a signer's certificate."""
    return f"Firmware Signer {family.upper()}"


class FirmwareSigners:
    """Finds the signer for a scheme."""

    def __init__(self, credentials: Credentials, hierarchy: Hierarchy, profile: Profile) -> None:
        self._credentials = credentials
        self._hierarchy = hierarchy
        self._profile = profile

    def slot(self, family: KeyFamily) -> Slot:
        """The place of a signer under a root that is here. Raises PostVacant."""
        issuer = self._hierarchy.issuer_for(self._profile.post, family).name
        return Slot(SLOTS[family], self._profile, issuer, _ALGORITHM[family], title_of(family))

    def current(self, scheme: SignatureScheme, now: datetime) -> Credential:
        """The signer for a scheme. Raises PostVacant, SignerUnavailable, and what issuing raises."""
        name = SLOTS[scheme.family]
        if not self.was_certified_elsewhere(name):
            return self._credentials.current(self.slot(scheme.family), now)
        found = self._credentials.existing(name)
        if found is None or not self._is_elsewhere(found.authority):
            raise SignerUnavailable(name, f"its certificate was revoked or its key is gone; {_ask(name)}")
        if now > found.not_after:
            raise SignerUnavailable(name, f"its certificate ended on {found.not_after:%Y-%m-%d}; {_ask(name)}")
        return found

    def was_certified_elsewhere(self, slot: str) -> bool:
        """Whether the last certificate of a signer was made under a root whose key is elsewhere."""
        issuer = self._credentials.last_issuer(slot)
        return issuer is not None and self._is_elsewhere(issuer)

    def refuse_elsewhere(self, slot: str, authority: str) -> None:
        """Raises RenewalRefused for a certificate by an authority that cannot renew it here."""
        if self._is_elsewhere(authority):
            raise RenewalRefused(f"the key of {authority!r} is elsewhere: {_ask(slot)}")

    def infos(self) -> list[AuthorityInfo]:
        """The signers as authorities are shown."""
        found = (self._credentials.existing(slot) for slot in SLOTS.values())
        return [signer_info(one) for one in found if one is not None]

    def _is_elsewhere(self, authority: str) -> bool:
        return self._hierarchy.info(authority).custody is Custody.ELSEWHERE


def signer_info(credential: Credential) -> AuthorityInfo:
    """A firmware signer as authorities are shown."""
    certificate = x509.load_der_x509_certificate(credential.der)
    return AuthorityInfo(
        name=credential.slot,
        kind=AuthorityKind.SIGNER,
        hierarchy=HierarchyName.MANUFACTURER,
        purpose="firmware",
        subject=certificate.subject.rfc4514_string(),
        algorithm=algorithm_of(check_key_strength(certificate.public_key())),
        not_before=credential.not_before,
        not_after=credential.not_after,
        certificate_pem=pem_of(credential.der),
        parent=credential.authority,
        serial=credential.serial,
        der=credential.der,
    )


def _ask(slot: str) -> str:
    return f"ask for another: voltward ca request {slot} --post firmware"
