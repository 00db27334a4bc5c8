"""The three rooms put together over one data folder: what the pages, the API and the command line work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from csms_bridge.fleet import Fleet
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import utc_now
from pki.keystore import KeyStore
from pki.store import Store
from pki.vault import Vault
from web.accounts import Accounts
from web.oidc_door import OidcDoor
from web.passkeys import Passkeys
from web.settings import Settings
from web.time_stamping import stamper_of
from web.webhook import Webhook, webhook_of


@dataclass(frozen=True, slots=True)
class Service:
    """An opened data folder and the doors into it."""

    folder: Path
    settings: Settings
    store: Store
    keys: KeyStore
    authority_keys: Vault
    trail: AuditTrail
    authority: Authority
    fleet: Fleet
    accounts: Accounts
    clock: Callable[[], datetime]
    oidc: OidcDoor
    passkeys: Passkeys
    webhook: Webhook | None = None

    def close(self) -> None:
        """Let the database go. The service may not be used afterwards."""
        self.store.close()


def put_together(
    folder: Path,
    settings: Settings,
    store: Store,
    keys: KeyStore,
    vault: Vault,
    clock: Callable[[], datetime] = utc_now,
) -> Service:
    """Build the doors over an open database, the node's own keys, and the place of the authorities' keys."""
    trail = AuditTrail(keys.secret("audit"), settings.web.node)
    checkpoints = checkpoint_path(folder, settings)
    authority = Authority(
        store, keys, trail, settings.pki, clock, vault, checkpoint_file=checkpoints, stamper=stamper_of(settings.pki)
    )
    fleet = Fleet(
        store,
        trail,
        authority,
        settings.bridge,
        password_key=keys.secret("station passwords"),
        order_key=keys.secret("sealed commands"),
        organisation=settings.pki.organisation,
        hostname=settings.pki.hostnames[0],
        public_url=settings.pki.public_url,
        log_folder=folder / "logs",
        firmware_folder=folder / "firmware",
        node=settings.web.node,
        clock=clock,
    )
    accounts = Accounts(store, trail, settings.web.session_lifetime, clock)
    webhook = webhook_of(settings.web, clock)
    oidc = OidcDoor(store, settings.web.oidc, settings.web.oidc_hosts, clock)
    passkeys = Passkeys(store, trail, settings.web.console_origin, clock)
    return Service(
        folder, settings, store, keys, vault, trail, authority, fleet, accounts, clock, oidc, passkeys, webhook
    )


def checkpoint_path(folder: Path, settings: Settings) -> Path:
    """Where the checkpoints of the audit trail are copied to."""
    return settings.web.checkpoint_file or folder / "checkpoints.jsonl"
