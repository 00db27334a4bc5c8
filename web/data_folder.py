"""The data folder: settings, keys and (unless PostgreSQL is used) the database, in one place.

    DIR/voltward.toml        what the operator decided
    DIR/keys/                encrypted keys (pki.keystore)
    DIR/voltward.db          SQLite, unless VOLTWARD_DATABASE_URL names a PostgreSQL database

A folder is made whole or not at all: it grows under a passing name beside its place and is moved there at the end.
"""

import getpass
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pki.default_hierarchy import DEFAULT_HIERARCHY
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from pki.vault import Vault
from web import custody
from web.errors import FolderMissing, FolderNewer, FolderTaken, PassphraseMissing, RequestRefused, SettingsWrong
from web.permissions import FOLDER_OPERATOR, Role
from web.schema import SchemaState, drop_everything, migrate, schema_state
from web.service import Service, put_together
from web.settings import TOML_NAME, Settings, WebSettings, read_settings

_DATABASE = "voltward.db"
FIRST_ADMIN = "admin"
# Without a name of its own the service can be tried from the machine it runs on, by name and by address.
_THIS_MACHINE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What `make_folder` made: shown once, never again."""

    folder: Path
    admin: str
    password: Secret | None
    """None for an offline folder, which nobody signs in to."""
    roots: Mapping[str, str]
    """Name of each root certificate → PEM."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a new folder shall be otherwise than by default.

    `hierarchy` is a ceremony file; None leaves the folder without authorities. `offline` makes the folder of a machine
    without a network, for root keys. `public_url` is where certificates and revocation lists will be found.
    """

    hierarchy: str | None = DEFAULT_HIERARCHY
    offline: bool = False
    public_url: str | None = None


_AS_USUAL = Wishes()


def make_folder(
    folder: Path,
    organisation: str,
    hostnames: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    wishes: Wishes = _AS_USUAL,
) -> NewFolder:
    """A new data folder with database, hierarchy and first admin.

    Raises FolderTaken, RequestRefused, SettingsWrong, PassphraseMissing, CeremonyRefused; then nothing of it is left
    behind.
    """
    folder = folder.absolute()
    hostnames = hostnames or _THIS_MACHINE
    refuse_taken(folder)
    _check_names(organisation, hostnames)
    passing = _make_beside(folder)
    try:
        made = _fill(passing, _toml(organisation, hostnames, wishes), wishes, environment)
        passing.rename(folder)  # fails when somebody put something there in the meantime
    except BaseException:
        shutil.rmtree(passing)
        raise
    return NewFolder(folder, made.admin, made.password, made.roots)


def open_folder(folder: Path, environment: Mapping[str, str] = os.environ, *, migrating: bool = False) -> Service:
    """The service over an existing data folder; `migrating` brings an older database up to date first.

    Raises FolderMissing, FolderNewer, SettingsWrong, PassphraseMissing, WrongPassphrase, KeyStoreMissing.
    """
    folder = folder.absolute()
    if not (folder / TOML_NAME).is_file():
        raise FolderMissing(f"{folder} is not a data folder of Voltward")
    settings = read_settings(folder, environment)
    passphrase = read_passphrase(settings.web, repeat=False)
    keys = KeyStore.open(folder / custody.OWN, passphrase)
    vault = custody.vault_of(folder, settings.custody, keys, passphrase)
    store = connect(folder, settings)
    try:
        _bring_up_to_date(store, migrating=migrating)
        return put_together(folder, settings, store, keys, vault)
    except BaseException:
        store.close()
        raise


def read_passphrase(web: WebSettings, *, repeat: bool) -> Secret:
    """From the settings, else from a person at the terminal. Raises PassphraseMissing, SettingsWrong."""
    if web.passphrase is not None:
        return _not_empty(web.passphrase.get_secret_value())
    if web.passphrase_file is not None:
        return _not_empty(_read_passphrase_file(web.passphrase_file))
    if not sys.stdin.isatty():
        raise PassphraseMissing("there is no passphrase for the keys")
    first = getpass.getpass("Passphrase for the keys: ")
    if repeat and getpass.getpass("The same passphrase again: ") != first:
        raise PassphraseMissing("the two passphrases are not the same", "Try again.")
    return _not_empty(first)


def _not_empty(text: str) -> Secret:
    if not text:
        raise PassphraseMissing("the passphrase is empty")
    return Secret.of(text)


def _read_passphrase_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsWrong("VOLTWARD_PASSPHRASE_FILE", f"cannot read {path}: {_why(fault)}") from None


def refuse_taken(folder: Path) -> None:
    """Raises FolderTaken where a new data folder would be made over something."""
    if (folder / TOML_NAME).exists():
        raise FolderTaken(f"{folder} is a data folder already")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderTaken(f"{folder} is not an empty folder")


def _check_names(organisation: str, hostnames: Sequence[str]) -> None:
    try:
        PkiSettings(organisation=organisation, hostnames=tuple(hostnames))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "organisation"
        raise RequestRefused(field, f"{field}: {first['msg'].removeprefix('Value error, ')}") from None


def _make_beside(folder: Path) -> Path:
    passing = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        passing.mkdir(mode=0o700)
    except OSError as fault:
        raise RequestRefused("data", f"cannot make a folder in {folder.parent}: {fault.strerror}") from None
    return passing


def _fill(folder: Path, toml: str, wishes: Wishes, environment: Mapping[str, str]) -> NewFolder:
    (folder / TOML_NAME).write_text(toml, encoding="utf-8")
    settings = read_settings(folder, environment)
    passphrase = read_passphrase(settings.web, repeat=True)
    keys = KeyStore.create(folder / custody.OWN, passphrase)
    vault = custody.new_vault_of(folder, settings.custody, passphrase)
    store = connect(folder, settings)
    try:
        return _furnish(folder, settings, store, (keys, vault), wishes)
    finally:
        store.close()


def _furnish(folder: Path, settings: Settings, store: Store, keys: tuple[KeyStore, Vault], wishes: Wishes) -> NewFolder:
    if schema_state(store) is not SchemaState.EMPTY:
        raise FolderTaken("the database holds a Voltward installation already", "Name an empty database.")
    try:
        migrate(store)
        service = put_together(folder, settings, store, *keys)
        if wishes.hierarchy is not None:
            service.authority.establish(FOLDER_OPERATOR.name, wishes.hierarchy)
        password = None if wishes.offline else _first_password(service)
    except BaseException:
        with suppress(DBAPIError):
            drop_everything(store)
        raise
    roots = {one.name: one.certificate_pem for one in service.authority.authorities() if one.kind == "root"}
    return NewFolder(folder, FIRST_ADMIN, password, roots)


def _first_password(service: Service) -> Secret | None:
    return service.accounts.add_user(FIRST_ADMIN, Role.ADMIN, FOLDER_OPERATOR.name)[1]


def _toml(organisation: str, hostnames: Sequence[str], wishes: Wishes) -> str:
    lines = ["# Settings of this Voltward installation; VOLTWARD_* in the environment wins over them."]
    # A JSON string is a TOML basic string as well; what is unprintable the settings refuse.
    lines.append(f"organisation = {json.dumps(organisation, ensure_ascii=False)}")
    lines.append(f"hostnames = {json.dumps(list(hostnames), ensure_ascii=False)}")
    if wishes.public_url is not None:
        lines.append(f"public_url = {json.dumps(wishes.public_url, ensure_ascii=False)}")
    if wishes.offline:
        # Its lists are carried by hand, and signed afresh whenever somebody comes for one.
        lines += ["offline = true", 'crl_validity = "P180D"', 'crl_refresh = "P1D"']
    return "\n".join(lines) + "\n"


def connect(folder: Path, settings: Settings) -> Store:
    """The database of a data folder. Raises SettingsWrong."""
    url = settings.web.database_url or f"sqlite:///{folder / _DATABASE}"
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        store = Store(url)
    except (ArgumentError, NoSuchModuleError, ValueError) as fault:
        raise SettingsWrong("VOLTWARD_DATABASE_URL", f"is not a database address: {fault}") from None
    try:
        schema_state(store)
    except DBAPIError as fault:
        store.close()
        raise SettingsWrong("VOLTWARD_DATABASE_URL", f"the database does not answer: {_why(fault)}") from None
    except TypeError:  # the driver hands out bytes for text where the database has no encoding (SQL_ASCII)
        store.close()
        raise SettingsWrong("VOLTWARD_DATABASE_URL", "the database must have the encoding UTF8") from None
    return store


def _bring_up_to_date(store: Store, *, migrating: bool) -> None:
    state = schema_state(store)
    if state is SchemaState.NEWER:
        raise FolderNewer("this data folder was written by a newer version of Voltward")
    if state is SchemaState.CURRENT:
        return
    if not migrating:
        raise FolderMissing(
            "the database of this data folder is older than this version of Voltward",
            "Start `voltward serve` on it once: that brings it up to date.",
        )
    migrate(store)


def _why(fault: Exception) -> str:
    original = getattr(fault, "orig", None) or fault
    return getattr(original, "strerror", None) or str(original).splitlines()[0]
