"""Another passphrase for the keys of a data folder."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pki.audit import AuditTrail
from pki.clock import utc_now
from pki.errors import WrongPassphrase
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.store import Store
from web.acts import ConsoleAct
from web.custody import OWN, authorities_folder, authority_passphrase
from web.data_folder import connect, read_passphrase
from web.errors import FolderMissing, RequestRefused
from web.permissions import FOLDER_OPERATOR
from web.settings import TOML_NAME, Settings, read_settings

_SHORTEST = 8


def change_passphrase(folder: Path, new: Secret, environment: Mapping[str, str] = os.environ) -> None:
    """Seal the keys' root secrets under `new`. A service that runs goes on; it needs `new` at its next start.

    The record comes first: when it cannot be written, the passphrase stays. The authorities' keys follow unless they
    have a passphrase of their own. After a crash in between, the same command again ends it. Raises RequestRefused,
    FolderMissing, SettingsWrong, PassphraseMissing, WrongPassphrase.
    """
    folder = folder.absolute()
    if len(new.reveal) < _SHORTEST:
        raise RequestRefused("passphrase", f"a passphrase must have at least {_SHORTEST} characters")
    if not (folder / TOML_NAME).is_file():
        raise FolderMissing(f"{folder} is not a data folder of Voltward")
    settings = read_settings(folder, environment)
    old = read_passphrase(settings.web, repeat=False)
    seals = {place: KeyStore.resealed(place, old, new) for place in _places(folder, settings)}
    store = connect(folder, settings)
    try:
        _record(store, _opened(folder / OWN, old, new), settings)
    finally:
        store.close()
    for place, sealed in seals.items():
        if sealed is not None:
            KeyStore.replace_seal(place, sealed)


def _places(folder: Path, settings: Settings) -> Iterator[Path]:
    yield folder / OWN
    apart = authorities_folder(folder, settings.custody)
    if apart.exists() and authority_passphrase(settings.custody) is None:
        yield apart


def _opened(place: Path, old: Secret, new: Secret) -> KeyStore:
    try:
        return KeyStore.open(place, old)
    except WrongPassphrase:
        return KeyStore.open(place, new)


def _record(store: Store, keys: KeyStore, settings: Settings) -> None:
    trail = AuditTrail(keys.secret("audit"), settings.web.node)
    with store.writing() as session:
        trail.record(
            session,
            ConsoleAct.PASSPHRASE_CHANGED,
            by=FOLDER_OPERATOR.name,
            kind="service",
            thing=settings.web.node,
            now=utc_now(),
        )
