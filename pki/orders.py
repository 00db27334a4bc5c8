"""Orders for certificates, and the decision what to do with one: the profile decides, the records name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from pki.csr import CertificateRequest
from pki.errors import IssuerEndsTooSoon, OrderRefused
from pki.keys import KeyFamily, PublicKey
from pki.name_matching import holds_name, same_name
from pki.only_once import Once
from pki.plans import Addresses, Issuer, Plan
from pki.profiles import Profile, profiles_of
from pki.refusals import Refusal
from pki.settings import PkiSettings, is_host_name, is_ip_address

_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody who may asks for a certificate. `common_name` is ours (the registered serial), not the request's.

    `validity` counts from now; None means what the profile says. The key in the request tells the hierarchy, unless
    `issuer_family` does, for a station that needs RSA above its EC key, or `authority` names the issuer itself. With
    `once` it is not carried out a second time.
    """

    request: CertificateRequest
    profile: str
    common_name: str
    station: str | None = None
    hostnames: tuple[str, ...] = ()
    validity: timedelta | None = None
    authority: str | None = None
    issuer_family: KeyFamily | None = None
    once: Once | None = None


ChainAbove: TypeAlias = Callable[[str, str | None], int | None]


class Issuers(Protocol):
    """Finds who issues."""

    def issuer_for(self, post: str, family: KeyFamily, key: PublicKey | None = None) -> Issuer:
        """The active authority for this post and kind of key. Raises PostVacant."""

    def issuer_named(self, name: str, post: str) -> Issuer:
        """An active authority by name, when it fills this post. Raises UnknownAuthority, OrderRefused."""


class Decisions:
    """Turns orders into plans."""

    def __init__(
        self, settings: PkiSettings, issuers: Issuers, chain_above: ChainAbove = lambda _authority, _station: None
    ) -> None:
        """`chain_above` counts the characters above a certificate of an authority for a station with a wish."""
        self._settings = settings
        self._issuers = issuers
        self._chain_above = chain_above
        self._addresses = Addresses(settings.public_url)
        self.profiles: Mapping[str, Profile] = profiles_of(settings)

    def decide(self, order: Order, now: datetime) -> Plan:
        """The certificate that this order leads to.

        Raises OrderRefused, CsrRejected, IssuerEndsTooSoon, PostVacant, UnknownAuthority.
        """
        profile = self._orderable(order.profile)
        _check_order(order, profile)
        hostnames = _hostnames(order, profile)
        self._compare_names(order, hostnames)
        issuer = self._issuer(order, profile.post)
        not_before, not_after = lifetime(profile, issuer, now, order.validity)
        return Plan(
            profile=profile,
            issuer=issuer,
            common_name=hostnames[0] if hostnames else order.common_name,
            organisation=self._settings.organisation,
            public_key=order.request.public_key,
            not_before=not_before,
            not_after=not_after,
            addresses=self._addresses,
            station=order.station,
            hostnames=hostnames,
            chain_above=self._chain_above(issuer.name, order.station),
        )

    def _issuer(self, order: Order, post: str) -> Issuer:
        if order.authority is not None:
            return self._issuers.issuer_named(order.authority, post)
        family = order.issuer_family or order.request.key_family
        return self._issuers.issuer_for(post, family, order.request.public_key)

    def observations(self, order: Order) -> dict[str, str]:
        """What the request claimed otherwise than our records, for the audit trail."""
        request = order.request
        seen = {"oddities": ", ".join(request.oddities), "organisation": request.organisation or ""}
        notes = []
        if request.common_name is None:
            notes.append("the request names no station")
        elif not same_name(request.common_name, order.common_name):
            seen["common_name"] = request.common_name
            notes.append("the common name in the request is more than ours")
        if request.organisation is None:
            notes.append("the request names no organisation")
        elif not same_name(request.organisation, self._settings.organisation):
            notes.append("the organisation in the request differs from ours")
        seen["note"] = "; ".join(notes)
        return {name: text for name, text in seen.items() if text}

    def _orderable(self, name: str) -> Profile:
        profile = self.profiles.get(name)
        if profile is None or not profile.may_be_ordered:
            known = ", ".join(sorted(p.name for p in self.profiles.values() if p.may_be_ordered))
            raise OrderRefused("profile", f"there is no certificate profile {name!r}", f"Choose one of {known}.")
        return profile

    def _compare_names(self, order: Order, hostnames: tuple[str, ...]) -> None:
        """A00.FR.404/405 (1.6, 2.0.1): the CN contains the registered serial; O is the operator's name."""
        claimed = order.request.common_name
        if claimed and not any(holds_name(claimed, name) for name in (order.common_name, *hostnames)):
            sentence = f"the request names {claimed!r}, but {order.common_name!r} is on record"
            raise Refusal.WRONG_COMMON_NAME.because(sentence)
        organisation = order.request.organisation
        if not self._settings.strict_organisation or not organisation:
            return
        if not same_name(organisation, self._settings.organisation):
            sentence = f"the request names the organisation {organisation!r}, which is not ours"
            raise Refusal.WRONG_ORGANISATION.because(sentence)


def lifetime(
    profile: Profile, issuer: Issuer, now: datetime, validity: timedelta | None = None
) -> tuple[datetime, datetime]:
    """notBefore and notAfter, both inclusive (RFC 5280 §4.1.2.5), hence the second taken off the end.

    Raises OrderRefused for a validity out of the profile's bounds, IssuerEndsTooSoon.
    """
    whole_now = now.replace(microsecond=0)
    span = profile.validity if validity is None else validity + profile.backdate
    if validity is not None and validity < timedelta(minutes=1):
        raise OrderRefused("validity", "a certificate must be valid for a minute at least")
    if span > max(profile.ceiling, profile.validity):
        raise OrderRefused("validity", f"a {profile.name} certificate may live {profile.ceiling} at most")
    start = whole_now - profile.backdate
    end = start + span - _ONE_SECOND
    if end > issuer.not_after:
        sentence = f"the certificate would end {end:%Y-%m-%d}, after its issuer ({issuer.not_after:%Y-%m-%d})"
        raise IssuerEndsTooSoon(issuer.name, sentence)
    return max(start, issuer.not_before), end


def _check_order(order: Order, profile: Profile) -> None:
    name = order.common_name
    if not name or len(name) > 64 or name != name.strip() or not name.isprintable():
        raise OrderRefused("common_name", "the common name must be 1 to 64 printable characters (X.520)")
    if profile.names_station != (order.station is not None):
        need = "needs a station" if profile.names_station else "is not for a station"
        raise OrderRefused("station", f"a {profile.name} certificate {need}")
    if profile.names_station and looks_like_address(name):
        sentence = f"the serial number {name!r} looks like an address"
        raise OrderRefused("common_name", sentence, "OCPP forbids that in a station's CN (A00.FR.511).")
    if order.hostnames and not profile.names_hosts:
        raise OrderRefused("hostnames", f"a {profile.name} certificate has no host names")


def _hostnames(order: Order, profile: Profile) -> tuple[str, ...]:
    """The CN first, then the other names; empty for profiles without host names."""
    if not profile.names_hosts:
        return ()
    names = tuple(dict.fromkeys(name.lower() for name in (order.common_name, *order.hostnames)))
    for name in names:
        if not is_host_name(name):
            raise OrderRefused("hostnames", f"{name!r} is neither a host name nor an IP address")
    return names


def looks_like_address(name: str) -> bool:
    """Whether a name is shaped like a URL or an IP address (A00.FR.511)."""
    return "://" in name or name.lower().startswith("www.") or is_ip_address(name.strip("[]"))
