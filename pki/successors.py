"""The ceremony that a roll-over begins with, as a file that a person can read, and hold on another machine."""

import re
from collections.abc import Collection, Sequence

from pki.hierarchy import AuthorityInfo, AuthorityKind

_NUMBERED = re.compile(r"(.*?)-([0-9]{1,6})")


def successor_name(name: str, taken: Collection[str]) -> str:
    """`stations` → `stations-2`, `stations-2` → `stations-3`: the next that no authority has."""
    found = _NUMBERED.fullmatch(name)
    base, number = (found[1], int(found[2])) if found else (name, 1)
    while (candidate := f"{base}-{number + 1}") in taken:
        number += 1
    return candidate


def successor_file(old: AuthorityInfo, below: Sequence[AuthorityInfo], taken: Collection[str]) -> tuple[str, str]:
    """The successor's name, and the ceremony file (TOML) that makes it.

    Of a root, `below` are the issuing authorities that get successors under the new one, and each root certifies the
    other.
    """
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


def _issuing(info: AuthorityInfo, name: str, parent: str) -> str:
    shards = info.crl_shards
    return _table("issuing", name=name, parent=parent, post=info.post, algorithm=info.algorithm.value,
                  crl_shards=shards)  # fmt: skip


def _table(kind: str, **values: str | int) -> str:
    """Names and algorithms are lower-case letters, digits and hyphens: nothing in them needs escaping."""
    lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in values.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])
