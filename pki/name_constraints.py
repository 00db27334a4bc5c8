"""Whether the name constraints above an authority leave room for the names that it is to certify (RFC 5280 §4.2.1.10).

Ours are O and CN, and host names and addresses in servers' certificates. Other kinds of names we do not write, so that
constraints on them do not concern us.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from cryptography import x509

from pki.settings import is_ip_address


def why_not_allowed(path: Sequence[x509.Certificate], subject: x509.Name, hostnames: Iterable[str]) -> str | None:
    """The first constraint of `path` that refuses a subject or a host name, as a sentence; None when there is none."""
    for certificate in path:
        try:
            constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            continue
        owner = certificate.subject.rfc4514_string()
        for name in (x509.DirectoryName(subject), *map(_general_name, hostnames)):
            if not _is_allowed(name, constraints):
                shown = subject.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)
                return f"the name constraints of {owner} do not allow {shown}"
    return None


def _general_name(hostname: str) -> x509.GeneralName:
    if is_ip_address(hostname):
        return x509.IPAddress(ipaddress.ip_address(hostname))
    return x509.DNSName(hostname)


def _is_allowed(name: x509.GeneralName, constraints: x509.NameConstraints) -> bool:
    """Excluded wins; permitted counts only when it says something about this kind of name."""
    if any(_is_within(name, base) for base in constraints.excluded_subtrees or ()):
        return False
    permitted = [base for base in constraints.permitted_subtrees or () if type(base) is type(name)]
    return not permitted or any(_is_within(name, base) for base in permitted)


def _is_within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    if isinstance(name, x509.DirectoryName) and isinstance(base, x509.DirectoryName):
        above = [_folded(part) for part in base.value.rdns]
        return [_folded(part) for part in name.value.rdns][: len(above)] == above
    if isinstance(name, x509.DNSName) and isinstance(base, x509.DNSName):
        host, domain = name.value.lower(), base.value.lower().removeprefix(".")
        return not domain or host == domain or host.endswith(f".{domain}")
    if isinstance(name, x509.IPAddress) and isinstance(base, x509.IPAddress):
        network = base.value
        return isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and name.value in network
    return False


def _folded(part: x509.RelativeDistinguishedName) -> frozenset[tuple[str, str]]:
    """RFC 5280 §7.1: names are compared without regard to case and to how many blanks there are."""
    return frozenset((one.oid.dotted_string, " ".join(str(one.value).casefold().split())) for one in part)
