"""The signer role: a process that holds the authorities' keys and does nothing but sign for the others.

It reads the database and never writes it, needs neither the node's keys nor a network, and may have a user of its own.
"""

import contextlib
import signal
import threading
from pathlib import Path

import structlog

from pki.clock import utc_now
from pki.custody import CustodySettings
from pki.signer_process.desk import SignerDesk
from pki.signer_process.ledger import Ledger
from pki.signer_process.log import Bounds, LogBroken
from pki.signer_process.server import SignerServer, user_ids
from web import custody
from web.data_folder import connect, read_passphrase
from web.errors import FolderMissing, SettingsWrong, SignerLogBroken
from web.logs import set_up_logs
from web.schema import SchemaState, schema_state
from web.settings import TOML_NAME, read_settings

_LOG = structlog.get_logger(__name__)


def serve_signer(folder: Path) -> None:
    """Sign for the other processes of a data folder until SIGTERM or SIGINT.

    Raises FolderMissing, SettingsWrong, PassphraseMissing, WrongPassphrase, VaultUnavailable, SignerLogBroken.
    """
    stop = threading.Event()
    # Blocked in every thread but one: a handler would run in the main thread only, which nothing wakes when the
    # kernel gave the signal to another.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    sign_until(folder, stop)


def sign_until(folder: Path, stop: threading.Event, ready: threading.Event | None = None) -> None:
    """As `serve_signer`, until `stop` is set; `ready` is set once the socket listens."""
    folder = folder.absolute()
    if not (folder / TOML_NAME).is_file():
        raise FolderMissing(f"{folder} is not a data folder of Voltward")
    settings = read_settings(folder)
    set_up_logs(settings.web.log_level)
    chosen = settings.custody
    vault = custody.signers_vault_of(folder, chosen, lambda: read_passphrase(settings.web, repeat=False))
    with contextlib.ExitStack() as open_things:
        store = connect(folder, settings)
        open_things.callback(store.close)
        if schema_state(store) is not SchemaState.CURRENT:
            raise FolderMissing("the database has not the schema of this version", "Start the other processes first.")
        ledger = _ledger(folder, chosen)
        open_things.callback(ledger.close)
        desk = SignerDesk(store, vault, ledger, settings.pki, utc_now, in_ceremony=chosen.signer_ceremony)
        server = SignerServer(socket_of(folder, chosen), desk, user_ids(chosen.signer_users))
        open_things.callback(server.stop)
        server.start()
        _LOG.info("signer_ready", socket=str(socket_of(folder, chosen)), authorities=desk.known.names())
        if chosen.signer_ceremony:
            _LOG.warning("signer_in_ceremony")
        if ready is not None:
            ready.set()
        stop.wait()
        _LOG.info("stopping")


def socket_of(folder: Path, chosen: CustodySettings) -> Path:
    """Where the signer listens."""
    return chosen.socket(folder) or folder / "signer.sock"


def log_of(folder: Path, chosen: CustodySettings) -> Path:
    """Where the signer writes down what it was asked."""
    return folder / (chosen.signer_log or "signer.log")


def _ledger(folder: Path, chosen: CustodySettings) -> Ledger:
    path = log_of(folder, chosen)
    try:
        return Ledger(path, Bounds(chosen.signer_log_full, chosen.signer_log_keep))
    except LogBroken as broken:
        raise SignerLogBroken(str(broken)) from None
    except OSError as fault:
        raise SettingsWrong("VOLTWARD_SIGNER_LOG", f"cannot use {path}: {fault.strerror}") from None
