"""From planned authorities to planned certificates: with the real keys to be signed, with stand-ins to be measured."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.ceremony_plan import AuthorityPlan
from pki.certificates import pem_of
from pki.hierarchy import AuthorityKind
from pki.keys import KeyAlgorithm, KeyFamily, PublicKey, assemble, spki_sha256
from pki.orders import lifetime
from pki.plans import Addresses, Issuer, Plan, name_of
from pki.profiles import Profile, profiles_of
from pki.settings import PkiSettings
from pki.to_be_signed import new_serial, to_be_signed

_LONGEST_ECDSA = {KeyAlgorithm.EC_P256: 72, KeyAlgorithm.EC_P384: 104}
_CURVES = {KeyAlgorithm.EC_P256: ec.SECP256R1(), KeyAlgorithm.EC_P384: ec.SECP384R1()}
_STATION_KEY = {KeyFamily.EC: KeyAlgorithm.EC_P256, KeyFamily.RSA: KeyAlgorithm.RSA_2048}


@dataclasses.dataclass(frozen=True, slots=True)
class Drafted:
    """A certificate to be, and the authority that it makes of its subject."""

    plan: Plan
    own: Issuer


class Drafts:
    """Drafts certificates of authorities. `issuer` finds an existing authority by its name."""

    def __init__(self, settings: PkiSettings, issuer: Callable[[str], Issuer]) -> None:
        self._settings = settings
        self._issuer = issuer
        self._profiles = profiles_of(settings)

    def of(self, plans: Sequence[AuthorityPlan], keys: Mapping[str, PublicKey], now: datetime) -> dict[str, Drafted]:
        """A certificate for each plan, by name; parents stand before their children or exist.

        Raises IssuerEndsTooSoon.
        """
        drafted: dict[str, Drafted] = {}
        for plan in plans:
            profile = self.profile(plan)
            own = self._as_issuer(plan, profile, keys[plan.name], now)
            above = own if plan.parent is None else self._above(plan.parent, drafted)
            start, end = lifetime(profile, above, now)
            own = dataclasses.replace(own, not_before=start, not_after=end)
            draft = Plan(
                profile=profile,
                issuer=own if plan.parent is None else above,
                common_name=common_name(plan, keys[plan.name]),
                organisation=self.organisation(plan),
                public_key=keys[plan.name],
                not_before=start,
                not_after=end,
                addresses=Addresses(self._settings.public_url, has_ocsp=not self._settings.offline),
            )
            drafted[plan.name] = Drafted(draft, own)
        return drafted

    def profile(self, plan: AuthorityPlan) -> Profile:
        """The profile of roots or of issuing authorities, with what the plan says otherwise."""
        profile = self._profiles[plan.kind.value]
        validity = plan.validity or profile.validity
        path_length = profile.path_length if plan.path_length is None else plan.path_length
        return dataclasses.replace(profile, validity=validity, ceiling=validity, path_length=path_length)

    def organisation(self, plan: AuthorityPlan) -> str:
        """O in the authority's name."""
        return plan.organisation or self._settings.organisation

    def shards(self, plan: AuthorityPlan) -> int:
        """Who certifies a handful of authorities needs one list; who certifies a fleet needs more."""
        if plan.kind is AuthorityKind.ROOT or not plan.post:
            return 1
        return plan.crl_shards or self._settings.crl_shards

    def station_chain(self, drafted: Drafted, above: int, now: datetime) -> int:
        """Characters of a station's chain below a drafted authority.

        `above` counts those of the authorities between it and its root.
        """
        leaf = Plan(
            profile=self._profiles["station"],
            issuer=drafted.own,
            common_name="x" * 25,  # as long as a serial number of OCPP may be
            organisation=self._settings.organisation,
            public_key=stand_in(_STATION_KEY[drafted.own.algorithm.family]),
            not_before=now,
            not_after=now,
            addresses=Addresses(self._settings.public_url),
            station="x",
        )
        return pem_length(leaf) + pem_length(drafted.plan) + above

    def _above(self, parent: str, drafted: Mapping[str, Drafted]) -> Issuer:
        return drafted[parent].own if parent in drafted else self._issuer(parent)

    def _as_issuer(self, plan: AuthorityPlan, profile: Profile, key: PublicKey, now: datetime) -> Issuer:
        """The authority as it will be; its certificate need not be signed for others to be drafted."""
        start = now.replace(microsecond=0) - profile.backdate
        return Issuer(
            name=plan.name,
            subject=name_of(self.organisation(plan), common_name(plan, key)),
            public_key=key,
            algorithm=plan.algorithm,
            key_name=plan.name,
            not_before=start,
            not_after=start + profile.validity,
            crl_shards=self.shards(plan),
            chain_pem_length=0,
        )


def common_name(plan: AuthorityPlan, key: PublicKey) -> str:
    """As planned, else ending in the key's fingerprint, so that two roots of one organisation never share a name."""
    if plan.common_name is not None:
        return plan.common_name
    return f"{plan.title} {plan.algorithm.family.value.upper()} {spki_sha256(key)[:8]}"


def stand_in(algorithm: KeyAlgorithm) -> PublicKey:
    """A public key of this kind for which nobody has the private one: to measure, never to sign."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]).public_key()
    bits = int(algorithm.value.removeprefix("rsa-"))
    return rsa.RSAPublicNumbers(65537, (1 << bits) - 1).public_key()


def pem_length(plan: Plan) -> int:
    """Characters of a certificate in PEM, with the longest signature that its issuer may make."""
    algorithm = plan.issuer.algorithm
    longest = _LONGEST_ECDSA.get(algorithm) or int(algorithm.value.removeprefix("rsa-")) // 8
    return len(pem_of(assemble(to_be_signed(plan, new_serial()), algorithm, bytes(longest))))
