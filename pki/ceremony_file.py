"""The ceremony file: TOML that a person can review, read strictly.

    title = "Acme Charging, first ceremony"
    [[root]]      name, hierarchy, algorithm, common_name, organisation, validity, path_length
    [[issuing]]   name, parent, post, algorithm, common_name, organisation, validity, path_length, crl_shards
    [[cross]]     authority, issuer, validity

Whatever is not understood is refused with the table and the key that it stands in: a ceremony is held once.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pki.ceremony_plan import ISSUING_POSTS, ROOT_POSTS, AuthorityPlan, CeremonyPlan, CrossPlan
from pki.errors import CeremonyRefused
from pki.hierarchy import AuthorityKind, HierarchyName
from pki.keys import KeyAlgorithm

LONGEST = 64 * 1024  # octets; forty authorities fill 8 KiB
_MOST = 100
_SPAN = re.compile(r"([1-9][0-9]{0,5}) ?([yd])")
_LONGEST_SPAN = timedelta(days=50 * 365)
# These names belong to the firmware signers, which are listed beside the authorities.
_RESERVED = ("firmware", "firmware-rsa")


def _span(value: object) -> timedelta:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write it like "20y" or "180d" (a year counts 365 days)')
    days = int(found[1]) * (365 if found[2] == "y" else 1)
    if days > _LONGEST_SPAN.days:
        raise ValueError("no authority lives longer than 50 years here")
    return timedelta(days=days)


def _free(value: str) -> str:
    if value in _RESERVED:
        raise ValueError(f"{value!r} is the name of a firmware signer")
    return value


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("it must be plain printable text without blanks at its ends")
    return value


def _algorithm(value: KeyAlgorithm) -> KeyAlgorithm:
    if value is KeyAlgorithm.RSA_2048:
        raise ValueError("2048 bits are too few for a key that signs for years; take rsa-3072 or rsa-4096")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"), AfterValidator(_free)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]  # X.520
Span = Annotated[timedelta, BeforeValidator(_span)]
Algorithm = Annotated[KeyAlgorithm, AfterValidator(_algorithm)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Root(_Table):
    name: Name
    hierarchy: HierarchyName = HierarchyName.OPERATOR
    algorithm: Algorithm = KeyAlgorithm.EC_P256
    common_name: Text | None = None
    organisation: Text | None = None
    validity: Span | None = None
    path_length: int | None = Field(default=None, ge=0, le=5, strict=True)

    def plan(self) -> AuthorityPlan:
        return AuthorityPlan(kind=AuthorityKind.ROOT, post=ROOT_POSTS[self.hierarchy], **self.model_dump())


class _Issuing(_Table):
    name: Name
    parent: Annotated[str, Field(min_length=1, max_length=100)]
    post: Literal["stations", "csms", ""] = ""
    algorithm: Algorithm = KeyAlgorithm.EC_P256
    common_name: Text | None = None
    organisation: Text | None = None
    validity: Span | None = None
    path_length: int = Field(default=0, ge=0, le=5, strict=True)
    crl_shards: int | None = Field(default=None, ge=1, le=4096, strict=True)

    def plan(self, hierarchy: HierarchyName) -> AuthorityPlan:
        return AuthorityPlan(kind=AuthorityKind.ISSUING, hierarchy=hierarchy, **self.model_dump())


class _Cross(_Table):
    authority: Annotated[str, Field(min_length=1, max_length=100)]
    issuer: Annotated[str, Field(min_length=1, max_length=100)]
    validity: Span | None = None


class _File(_Table):
    title: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
    public_url: str | None = None
    root: tuple[_Root, ...] = Field(default=(), max_length=_MOST)
    issuing: tuple[_Issuing, ...] = Field(default=(), max_length=_MOST)
    cross: tuple[_Cross, ...] = Field(default=(), max_length=_MOST)


def read_plan(text: str, existing: Mapping[str, HierarchyName] | None = None) -> CeremonyPlan:
    """The plan in a ceremony file. `existing` names the authorities that parents may be besides those of the file.

    Raises CeremonyRefused with all findings, each with its table and key.
    """
    file = _read(text)
    roots = [root.plan() for root in file.root]
    hierarchies = dict(existing or {}) | {root.name: root.hierarchy for root in roots}
    ordered = _parents_first(file.issuing, hierarchies)
    authorities = (*roots, *(table.plan(hierarchies[table.name]) for table in ordered))
    crosses = tuple(CrossPlan(**table.model_dump()) for table in file.cross)
    plan = CeremonyPlan(file.title, authorities, crosses, file.public_url, text)
    if findings := _findings(plan, [table.name for table in file.root + file.issuing], hierarchies):
        raise CeremonyRefused(findings)
    return plan


def _read(text: str) -> _File:
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise CeremonyRefused((f"the file is longer than {LONGEST} octets",))
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, tomllib.TOMLDecodeError) else "it is nested too deeply"
        raise CeremonyRefused((f"the file is not TOML: {reason}",)) from None
    try:
        return _File.model_validate(document)
    except ValidationError as wrong:
        faults = wrong.errors(include_url=False, include_context=False, include_input=False)
        raise CeremonyRefused(tuple(_sentence(document, fault["loc"], fault["msg"]) for fault in faults[:20])) from None


def _sentence(document: Mapping[str, Any], where: Sequence[int | str], message: str) -> str:
    """`[[issuing]] "stations", parent: …`: as a person finds the place in the file."""
    message = message.removeprefix("Value error, ")
    table, *rest = where
    if not rest or not isinstance(rest[0], int):
        return f"{table}: {_plain(message)}"
    entry = document[str(table)][rest[0]]
    name = entry.get("name") or entry.get("authority") if isinstance(entry, dict) else None
    shown = f'"{str(name)[:60]}"' if name else str(rest[0] + 1)
    key = f", {rest[1]}" if len(rest) > 1 else ""
    return f"[[{table}]] {shown}{key}: {_plain(message)}"


def _plain(message: str) -> str:
    known = {"Extra inputs are not permitted": "there is no such key", "Field required": "this key is missing"}
    return known.get(message, message[:1].lower() + message[1:])


def _parents_first(tables: Sequence[_Issuing], hierarchies: dict[str, HierarchyName]) -> list[_Issuing]:
    """Sorted so that parents come first; adds to `hierarchies` as it goes. Raises CeremonyRefused."""
    ordered: list[_Issuing] = []
    waiting = list(tables)
    while waiting:
        ready = [table for table in waiting if table.parent in hierarchies]
        if not ready:
            raise CeremonyRefused(tuple(_why_stuck(table, tables) for table in waiting))
        for table in ready:
            hierarchies[table.name] = hierarchies[table.parent]
        ordered += ready
        waiting = [table for table in waiting if table.name not in {one.name for one in ready}]
    return ordered


def _why_stuck(table: _Issuing, tables: Sequence[_Issuing]) -> str:
    place = f'[[issuing]] "{table.name}", parent'
    if table.parent in {one.name for one in tables}:
        return f"{place}: {table.parent!r} leads back to this authority, or to one without a root"
    return f"{place}: there is no authority {table.parent!r}, neither in this file nor here"


def _findings(plan: CeremonyPlan, names: Sequence[str], hierarchies: Mapping[str, HierarchyName]) -> tuple[str, ...]:
    findings = [
        f"the name {name!r} stands in the file twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if not plan.authorities and not plan.crosses:
        findings.append("the file asks for nothing: it has no [[root]], no [[issuing]] and no [[cross]]")
    filled: dict[tuple[str, KeyAlgorithm], str] = {}
    for one in plan.authorities:
        findings += _of_authority(one)
        if one.post and (other := filled.setdefault((one.post, one.algorithm), one.name)) != one.name:
            findings.append(f"{one.place}: {other!r} fills the post {one.post!r} with an {one.algorithm} key already")
    known = set(hierarchies)
    for cross in plan.crosses:
        findings += [
            f"{cross.place}, {key}: there is no authority {name!r}, neither in this file nor here"
            for key, name in (("authority", cross.authority), ("issuer", cross.issuer))
            if name not in known
        ]
        if cross.authority == cross.issuer:
            findings.append(f"{cross.place}: an authority does not cross-certify itself")
        elif known >= {cross.authority, cross.issuer} and hierarchies[cross.authority] != hierarchies[cross.issuer]:
            findings.append(f"{cross.place}: the operator's and the manufacturer's hierarchy stay apart (A00.FR.601)")
    return tuple(findings)


def _of_authority(one: AuthorityPlan) -> list[str]:
    findings = []
    if one.kind is AuthorityKind.ISSUING and one.hierarchy is HierarchyName.MANUFACTURER:
        findings.append(f"{one.place}, parent: firmware signers stand directly under the manufacturer's root (L01)")
    if one.kind is AuthorityKind.ISSUING and not one.post and one.path_length == 0:
        posts = " or ".join(f'"{post}"' for post in ISSUING_POSTS)
        findings.append(f"{one.place}, post: choose {posts}, or give it a path_length to certify authorities with")
    if one.post in ISSUING_POSTS and one.path_length:
        findings.append(f"{one.place}, path_length: an authority for {one.post} certifies no authorities, so it is 0")
    return findings
