"""Whether a planned ceremony fits what exists: names, parents, path lengths, kinds of keys, ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pki.ceremony_drafts import Drafts
from pki.ceremony_plan import AuthorityPlan, CeremonyPlan
from pki.cross_certificates import path_length_of
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Custody
from pki.keys import KeyFamily
from pki.settings import PkiSettings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a ceremony meets: the authorities that exist, and the names that wait for a certificate from elsewhere."""

    existing: Mapping[str, AuthorityInfo]
    pending: frozenset[str]
    settings: PkiSettings
    now: datetime


def findings_against(plan: CeremonyPlan, around: Surroundings, drafts: Drafts) -> tuple[str, ...]:
    """Everything that stands against the plan, as sentences with the table and the key. Empty when it can be held."""
    findings = list(_of_address(plan, around.settings))
    for one in plan.authorities:
        found = around.existing.get(one.name)
        findings += _of_new(one, plan, around, drafts) if found is None else _of_existing(one, found, around.settings)
    return (*findings, *_same_names(plan, around, drafts))


def _of_address(plan: CeremonyPlan, settings: PkiSettings) -> Iterator[str]:
    if plan.public_url is not None and plan.public_url.rstrip("/") != settings.public_url:
        yield f"public_url: certificates of this installation name {settings.public_url}, not {plan.public_url}"


def _of_existing(plan: AuthorityPlan, found: AuthorityInfo, settings: PkiSettings) -> Iterator[str]:
    """The same file twice does nothing the second time; a file that says otherwise than what exists is refused."""
    subject = {attribute.oid: attribute.value for attribute in x509.load_der_x509_certificate(found.der).subject}
    organisation = plan.organisation or settings.organisation
    said: dict[str, tuple[object, object]] = {
        "name": (plan.kind, found.kind),
        "hierarchy": (plan.hierarchy, found.hierarchy),
        "parent": (plan.parent, found.parent),
        "post": (plan.post, found.post),
        "algorithm": (plan.algorithm, found.algorithm),
        "organisation": (organisation, subject.get(x509.NameOID.ORGANIZATION_NAME)),
        "path_length": (plan.path_length, path_length_of(found.der)),
    }
    if plan.common_name is not None:
        said["common_name"] = (plan.common_name, subject.get(x509.NameOID.COMMON_NAME))
    for key, (planned, actual) in said.items():
        if planned != actual:
            yield f"{plan.place}, {key}: it exists already, with {_shown(actual)} instead of {_shown(planned)}"


def _of_new(plan: AuthorityPlan, whole: CeremonyPlan, around: Surroundings, drafts: Drafts) -> Iterator[str]:
    if plan.name in around.pending:
        yield f"{plan.place}, name: a request of this name waits for its certificate (`voltward ca list`)"
    if plan.parent is None:
        return
    planned = {one.name: one for one in whole.authorities}
    if plan.parent in around.existing:
        parent = around.existing[plan.parent]
        yield from _of_existing_parent(plan, parent, around.now, drafts)
        yield from _of_family(plan, parent.algorithm.family)
        yield from _of_path(plan, path_length_of(parent.der), parent.kind)
    else:
        above = planned[plan.parent]
        if drafts.profile(plan).validity > drafts.profile(above).validity:
            yield f"{plan.place}, validity: it would end after its parent {above.name!r}"
        yield from _of_family(plan, above.algorithm.family)
        yield from _of_path(plan, above.path_length, above.kind)


def _of_existing_parent(plan: AuthorityPlan, parent: AuthorityInfo, now: datetime, drafts: Drafts) -> Iterator[str]:
    place = f"{plan.place}, parent: "
    if parent.custody is Custody.ELSEWHERE:
        yield f"{place}the key of {parent.name!r} is elsewhere; ask for a certificate with `voltward ca request`"
    if parent.status is AuthorityStatus.RETIRED:
        yield f"{place}{parent.name!r} is retired"
    profile = drafts.profile(plan)
    if now - profile.backdate + profile.validity > parent.not_after:
        yield f"{plan.place}, validity: it would end after its parent {parent.name!r} ({parent.not_after:%Y-%m-%d})"


def _of_family(plan: AuthorityPlan, parent: KeyFamily) -> Iterator[str]:
    """A station that can do only one family of keys must be able to check the whole chain."""
    if plan.algorithm.family is not parent:
        yield f"{plan.place}, algorithm: {plan.algorithm} under a parent with an {parent.upper()} key; a station that can do only one of the two could not check the chain"  # noqa: E501


def _of_path(plan: AuthorityPlan, above: int | None, kind: AuthorityKind) -> Iterator[str]:
    """RFC 5280 §4.2.1.9: a path length counts the authorities below, the last one's leaves not included."""
    if above is None:
        return
    if kind is AuthorityKind.ISSUING and above == 0:
        yield f"{plan.place}, parent: {plan.parent!r} may certify no authorities (its path length is 0)"
    elif (plan.path_length or 0) > above - 1:
        yield f"{plan.place}, path_length: it must be less than its parent's, which is {above}"


def _same_names(plan: CeremonyPlan, around: Surroundings, drafts: Drafts) -> Iterator[str]:
    """Two authorities with one name make clients look for a signature under the wrong key (RFC 5280 §4.1.2.6)."""
    taken = {info.subject: info.name for info in around.existing.values()}
    for one in plan.authorities:
        if one.common_name is None or one.name in around.existing:
            continue
        name = [(x509.NameOID.ORGANIZATION_NAME, drafts.organisation(one)), (x509.NameOID.COMMON_NAME, one.common_name)]
        subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in name]).rfc4514_string()
        other = taken.setdefault(subject, one.name)
        if other != one.name:
            yield f"{one.place}, common_name: {other!r} has the same name ({subject})"


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else str(value)
