"""What the web side writes into the audit trail: one tag per act, read by the pages as well."""

from enum import StrEnum


class ConsoleAct(StrEnum):
    """Acts on accounts and on the service; the value is what stands in the trail."""

    USER_ADDED = "user:added"
    USER_DISABLED = "user:disabled"
    PASSWORD_CHANGED = "user:password-changed"  # noqa: S105 -- the name of an act
    SIGNED_IN = "user:signed-in"
    SIGNED_OUT = "user:signed-out"
    SIGN_IN_FAILED = "user:sign-in-failed"
    TOKEN_MADE = "token:made"  # noqa: S105 -- the name of an act
    TOKEN_REVOKED = "token:revoked"  # noqa: S105 -- the name of an act
    PASSKEY_ADDED = "passkey:added"
    PASSKEY_REMOVED = "passkey:removed"
    PASSKEY_REFUSED = "passkey:refused"
    BACKUP_MADE = "backup:made"
    BACKUP_RESTORED = "backup:restored"
    PASSPHRASE_CHANGED = "passphrase:changed"  # noqa: S105 -- the name of an act
    SERVICE_STARTED = "service:started"
    SERVICE_STOPPED = "service:stopped"
