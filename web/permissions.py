"""Who may do what: one list of permissions, one list of roles, one table between them.

Every API route and every page names its permission from this list; the pages hide what it would refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from web.errors import NotAllowed


class Permission(StrEnum):
    """One thing that can be allowed."""

    STATIONS_READ = "stations:read"
    STATIONS_CHANGE = "stations:change"
    STATIONS_RECOVER = "stations:recover"
    STATIONS_APPROVE = "stations:approve-recovery"
    STATIONS_REMOVE = "stations:remove"
    STATIONS_COMMAND = "stations:command"
    STATIONS_FORCE = "stations:force"
    ROOTS_CHANGE = "roots:change"
    LOGS_READ = "logs:read"
    LOGS_FETCH = "logs:fetch"
    WALKS_READ = "walks:read"
    WALKS_CHANGE = "walks:change"
    QUIRKS_READ = "quirks:read"
    QUIRKS_CHANGE = "quirks:change"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_CHANGE = "campaigns:change"
    SITES_CHANGE = "sites:change"
    CERTIFICATES_READ = "certificates:read"
    CERTIFICATES_ISSUE = "certificates:issue"
    CERTIFICATES_RENEW = "certificates:renew"
    CERTIFICATES_REVOKE = "certificates:revoke"
    KEYS_BLOCK = "keys:block"
    ALARMS_READ = "alarms:read"
    ALARMS_CLEAR = "alarms:clear"
    ALARMS_TEST = "alarms:test"
    AUTHORITIES_READ = "authorities:read"
    AUTHORITIES_CHANGE = "authorities:change"
    ANCHORS_CHANGE = "anchors:change"
    ROLLOVERS_CHANGE = "rollovers:change"
    CHARGING_READ = "charging:read"
    CHARGING_HAND_OVER = "charging:hand-over"
    ID_TOKENS_READ = "id-tokens:read"
    ID_TOKENS_CHANGE = "id-tokens:change"
    FIRMWARE_READ = "firmware:read"
    FIRMWARE_SIGN = "firmware:sign"
    FIRMWARE_APPROVE = "firmware:approve"
    FIRMWARE_RULES = "firmware:rules"
    FIRMWARE_INSTALL = "firmware:install"
    EVENTS_READ = "events:read"
    AUDIT_READ = "audit:read"
    AUDIT_SIGN = "audit:sign"
    BACKUP_MAKE = "backup:make"
    USERS_READ = "users:read"
    USERS_CHANGE = "users:change"
    TOKENS_READ = "tokens:read"
    TOKENS_CHANGE = "tokens:change"
    PASSKEYS_OWN = "passkeys:own"


class Role(StrEnum):
    """What a person or a token is for."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    CI = "ci"


_READING = frozenset(permission for permission in Permission if permission.endswith(":read"))
_ACCOUNTS = frozenset(
    {Permission.USERS_READ, Permission.USERS_CHANGE, Permission.TOKENS_READ, Permission.TOKENS_CHANGE}
)
# A backup is everything, keys included.
_HEAVY = frozenset({Permission.STATIONS_FORCE, Permission.BACKUP_MAKE})
# What the whole fleet trusts, and who signs for it.
_TRUST = frozenset(
    {
        Permission.AUTHORITIES_CHANGE, Permission.ANCHORS_CHANGE, Permission.ROLLOVERS_CHANGE,
        Permission.FIRMWARE_RULES,
    }
)  # fmt: skip

ALLOWED: Mapping[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    # Laboratory use (force), accounts and trust are for admins; an operator runs the fleet.
    Role.OPERATOR: frozenset(Permission) - _ACCOUNTS - _TRUST - _HEAVY,
    Role.AUDITOR: _READING,
    # A build server signs images and fetches roots; it neither sees nor touches stations.
    Role.CI: frozenset({Permission.FIRMWARE_READ, Permission.FIRMWARE_SIGN, Permission.AUTHORITIES_READ}),
}


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token of a CI system that may have one image signed."""

    issuer: str
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: `name` stands in the audit trail (`user:admin`, `token:ci`, `operator`), `owner` behind a token."""

    name: str
    role: Role
    owner: str = ""
    release: tuple[str, str] = ("*", "*")
    """Patterns of vendor and model that it may have signed."""
    use: TokenUse | None = None

    @property
    def person(self) -> str:
        """Who counts when people must be different ones."""
        return self.owner or self.name

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return permission in ALLOWED[self.role]

    def require_release(self, vendor: str, model: str) -> None:
        """Raises NotAllowed for firmware that this one is not for."""
        if not (fnmatchcase(vendor, self.release[0]) and fnmatchcase(model, self.release[1])):
            raise NotAllowed(f"{Permission.FIRMWARE_SIGN} for {vendor} {model}", self.name)

    def require(self, permission: Permission) -> None:
        """Raises NotAllowed."""
        if not self.may(permission):
            raise NotAllowed(permission.value, self.role.value)


# Whoever reads the data folder and knows its passphrase holds everything there is; no account stands above that.
FOLDER_OPERATOR = Principal("operator", Role.ADMIN)
