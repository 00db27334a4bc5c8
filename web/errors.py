"""What can go wrong above the two doors, split by who must act.

    WebError
    ├── SettingsWrong, PassphraseMissing, PortInUse          the operator, before anything runs
    ├── FolderMissing, FolderTaken, FolderNewer,
    │   FolderServed, NodeServed, FolderOffline              the operator: the data folder
    ├── SignerAlone, SignerLogBroken                         the operator: the signer process
    ├── BackupUnreadable, RestoreRefused                     whoever restores: the file, or what it holds
    ├── RequestRefused                                       the caller: an argument that cannot be right
    ├── WebhookMissing                                       the operator: alarms are sent nowhere
    ├── NotSignedIn, NotAllowed, TooManyTries                the caller: who they are, what they may do
    ├── UnknownUser, UnknownToken, UserExists,
    │   UnknownPasskey, PasskeyRefused                       the caller: accounts
    └── KeyReused, StillUnderWay                             the caller: an Idempotency-Key used twice

Every one has a `sentence` (what is wrong, fit for a person) and a `hint` (what to do, possibly empty).
"""


class WebError(Exception):
    """The root of the tree. `sentence` says what is wrong, `hint` what to do about it."""

    hint = ""

    def __init__(self, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if hint is not None:
            self.hint = hint


class SettingsWrong(WebError):
    """A setting that does not exist, or a value that it cannot have. `name` is spelt as the operator did."""

    def __init__(self, name: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"setting {name}: {why}", hint)
        self.name = name


class SignerAlone(WebError):
    """A process that signs does nothing else, so that nothing else can reach its keys."""

    hint = "Start it by itself: voltward serve --roles signer."


class SignerLogBroken(WebError):
    """The signer's log is not what the signer wrote."""

    hint = "Find out what happened to it. To go on, move it aside: a new one begins, and the old one is evidence."


class PassphraseMissing(WebError):
    """There is no passphrase, and nobody at a terminal to ask."""

    hint = "Set VOLTWARD_PASSPHRASE, or VOLTWARD_PASSPHRASE_FILE to a file that holds it."


class PortInUse(WebError):
    """Another program listens there already."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(
            f"port {port} is in use",
            f"Stop the program that listens there, or set {setting} to another port.",
        )
        self.port = port


class AddressRefused(WebError):
    """The service cannot listen on the address it was told to."""


class FolderServed(WebError):
    """Another process serves the stations of this folder."""

    hint = "Stop it first. Commands with --data may be used while it runs."


class NodeServed(WebError):
    """Another process serves stations under the same node's name, on the same database."""

    def __init__(self, node: str) -> None:
        super().__init__(
            f"another process serves stations as the node {node!r} on this database already",
            "Give each process a VOLTWARD_NODE of its own. One that was cut off from the database is forgotten when "
            "the database notices.",
        )
        self.node = node


class FolderOffline(WebError):
    """This folder keeps keys for a machine without a network, and serves nobody."""

    hint = "Use it with --data. Make a folder that serves with `voltward init`, without --offline."


class FolderMissing(WebError):
    """This is no data folder."""

    hint = "Make one with: voltward init --data DIR --organisation NAME"


class FolderTaken(WebError):
    """Something is there already; `init` never writes over it."""

    hint = "Choose another folder; a data folder is never written over."


class FolderNewer(WebError):
    """The database was written by a newer Voltward than this one."""

    hint = "Run the version of Voltward that last served this data folder, or a newer one."


class BackupUnreadable(WebError):
    """A file that is no backup, is damaged, or does not open with this passphrase."""

    hint = "Nothing was restored. Try another copy of the file."


class RestoreRefused(WebError):
    """A backup that opens, and does not prove itself. `findings` are sentences."""

    hint = "Nothing was restored. --despite-findings restores it all the same."

    def __init__(self, sentence: str, findings: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.findings = findings


class RequestRefused(WebError):
    """An argument that cannot be right; `field` names it as the caller spelt it."""

    def __init__(self, field: str, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.field = field


class WebhookMissing(WebError):
    """There is nowhere to send alarms to."""

    hint = "Set VOLTWARD_WEBHOOK_URL and VOLTWARD_WEBHOOK_SECRET where the service is started."


class NotSignedIn(WebError):
    """No credentials, or credentials that are good for nothing (any more)."""

    hint = "Send a token as `Authorization: Bearer vw_…`; make one with: voltward token create"


class NotAllowed(WebError):
    """The caller is known and may not do this. `permission` is the one that is missing."""

    def __init__(self, permission: str, role: str) -> None:
        super().__init__(f"the role {role!r} does not have the permission {permission!r}")
        self.permission = permission


class TokenRefused(NotSignedIn):
    """A token of a CI system that is not believed: its issuer, signature, audience or time."""


class ClaimsRefused(WebError):
    """The token is good, and no rule is for a job like this."""

    hint = "The rules are in voltward.toml under [[oidc]]; docs/ci.md has examples."


class IssuerAway(WebError):
    """The keys of a token's issuer cannot be had now."""


class FormForged(WebError):
    """A form that did not come from our own page in this session (cross-site request forgery)."""

    hint = "Go back, load the page again and repeat."


class TooManyDownloads(WebError):
    """One download too many just now; `wait` is how many seconds to stay away."""

    def __init__(self, wait: int) -> None:
        super().__init__("too many downloads are under way", f"Try again in {wait} seconds.")
        self.wait = wait


class TooManyTries(WebError):
    """Too many wrong passwords; `wait` is how many seconds to stay away."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many failed attempts: try again in {wait} seconds")
        self.wait = wait


class UnknownUser(WebError):
    """No user has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no user {name!r}", "List them with: voltward user list")
        self.name = name


class UnknownToken(WebError):
    """No API token has this id."""

    def __init__(self, token_id: str) -> None:
        super().__init__(f"there is no token {token_id!r}", "List them with: voltward token list")
        self.token_id = token_id


class UnknownPasskey(WebError):
    """No passkey has this id, or it is somebody else's."""

    def __init__(self, passkey_id: str) -> None:
        super().__init__(f"there is no passkey {passkey_id[:100]!r}", "List them with: voltward user passkeys")
        self.passkey_id = passkey_id


class PasskeyRefused(WebError):
    """An answer with a passkey that does not hold: another's, an old one, about something else."""


class UserExists(WebError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a user {name!r} already")
        self.name = name


class KeyReused(WebError):
    """An Idempotency-Key that came before with another request."""

    hint = "Use a fresh key for each new request, and the same key only to repeat one."


class StillUnderWay(WebError):
    """An Idempotency-Key whose first request has not been answered yet."""

    hint = "Wait a moment and repeat the request with the same key."
