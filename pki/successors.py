"""Who may be rolled over to whom, and the ceremony that a roll-over begins with: a file that a person can read."""

import re
from collections.abc import Collection, Sequence

from pki.errors import RolloverRefused
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Custody

_NUMBERED = re.compile(r"(.*?)-([0-9]{1,6})")


def check_old(old: AuthorityInfo) -> None:
    """Raises RolloverRefused for an authority that has nothing to hand over."""
    if old.kind is AuthorityKind.SIGNER:
        raise RolloverRefused((f"{old.name!r} is no authority; its certificate is renewed by itself",))
    if not old.post:
        raise RolloverRefused((f"{old.name!r} fills no post, so there is nothing to take over",))
    if old.status is not AuthorityStatus.ACTIVE:
        raise RolloverRefused((f"{old.name!r} is {old.status}; only an active authority is rolled over",))


def check_successor(old: AuthorityInfo, new: AuthorityInfo) -> None:
    """Whether `new` can take over. Raises RolloverRefused."""
    findings = [
        sentence
        for is_wrong, sentence in (
            (new.status is not AuthorityStatus.PREPARED, f"it is {new.status}, not prepared"),
            (new.custody is not Custody.HERE, "its key is not here"),
            (new.post != old.post, f"its post is {new.post!r}, not {old.post!r}"),
            (new.hierarchy is not old.hierarchy, "it stands in the other hierarchy"),
            (new.kind is not old.kind, f"it is of the kind {new.kind}, not {old.kind}"),
            (new.algorithm.family is not old.algorithm.family, "its key is of the other family"),
        )
        if is_wrong
    ]
    if findings:
        raise RolloverRefused(tuple(f"{new.name!r} cannot take over: {sentence}" for sentence in findings))


def successor_name(name: str, taken: Collection[str]) -> str:
    """`stations` → `stations-2`, `stations-2` → `stations-3`: the next that no authority has."""
    found = _NUMBERED.fullmatch(name)
    base, number = (found[1], int(found[2])) if found else (name, 1)
    while (candidate := f"{base}-{number + 1}") in taken:
        number += 1
    return candidate


def successor_file(old: AuthorityInfo, every: Sequence[AuthorityInfo]) -> tuple[str, str]:
    """The successor's name, and the ceremony file (TOML) that makes it; `every` are all authorities there are.

    Under a new root come successors of the issuing authorities under the old one, and each root certifies the other.
    Raises RolloverRefused when authorities stand deeper below the root than that.
    """
    below = _below(old, every)
    taken = [info.name for info in every]
    names = {info.name: successor_name(info.name, taken) for info in (old, *below)}
    new = names[old.name]
    tables = [f'title = "Roll-over of {old.name} to {new}"\n']
    if old.kind is AuthorityKind.ROOT:
        tables.append(_table("root", name=new, hierarchy=old.hierarchy.value, algorithm=old.algorithm.value))
        tables += [_issuing(info, names[info.name], new) for info in below]
        tables += [_table("cross", authority=new, issuer=old.name), _table("cross", authority=old.name, issuer=new)]
    else:
        tables.append(_issuing(old, new, old.parent or ""))
    return new, "\n".join(tables)


def _below(old: AuthorityInfo, every: Sequence[AuthorityInfo]) -> list[AuthorityInfo]:
    issuing = [info for info in every if info.post and info.status is AuthorityStatus.ACTIVE and info.parent]
    below = [info for info in issuing if info.parent == old.name]
    parents = {info.name: info.parent for info in every}
    if old.kind is AuthorityKind.ROOT:
        deeper = [info.name for info in issuing if info not in below and old.name in _lineage(info.name, parents)]
        if deeper:
            sentence = f"{', '.join(deeper)} stand deeper below {old.name!r}, in a way of your own"
            raise RolloverRefused((sentence,), "Make the successors in a ceremony, and name the new root.")
    return below


def _lineage(name: str, parents: dict[str, str | None]) -> list[str]:
    above, at = [], parents.get(name)
    while at is not None:
        above.append(at)
        at = parents.get(at)
    return above


def _issuing(info: AuthorityInfo, name: str, parent: str) -> str:
    algorithm = info.algorithm.value
    return _table("issuing", name=name, parent=parent, post=info.post, algorithm=algorithm, crl_shards=info.crl_shards)


def _table(kind: str, **values: str | int) -> str:
    """Names and algorithms are lower-case letters, digits and hyphens: nothing in them needs escaping."""
    lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in values.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])
