"""The places where keys may be kept, made ready for a test: a folder, a SoftHSM token, moto's KMS."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from pki.keystore import KeyStore
from pki.kms import KmsVault
from pki.pkcs11 import TokenVault
from pki.secret_text import Secret
from pki.vault import Vault

PIN = Secret.of("1234")
TOKEN = "voltward"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
SOFTHSM = next((Path(one) for one in _MODULES if Path(one).exists()), Path(_MODULES[0]))


class SoftToken:
    """A SoftHSM token in a folder of its own. One per test run: the library reads its configuration once."""

    def __init__(self, folder: Path) -> None:
        self.tokens = folder / "tokens"
        self.tokens.mkdir(parents=True)
        configuration = folder / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n")
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        self.make(TOKEN)

    def make(self, label: str) -> None:
        """Another token."""
        words = f"softhsm2-util --init-token --free --label {label} --pin {PIN.text()} --so-pin 87654321"
        subprocess.run(words.split(), check=True, capture_output=True, timeout=30)

    def vault(self, label: str = TOKEN, pin: Secret = PIN, sessions: int = 4) -> TokenVault:
        """Our view of it."""
        return TokenVault(SOFTHSM, label, pin, sessions)

    @contextmanager
    def pulled_out(self) -> Iterator[None]:
        """The token is not there while the block lasts."""
        aside = self.tokens.with_name("aside")
        shutil.move(self.tokens, aside)
        try:
            yield
        finally:
            shutil.move(aside, self.tokens)


def kms_vault(endpoint: str, prefix: str = "voltward", seconds: float = 5.0) -> KmsVault:
    """KMS as moto plays it."""
    return KmsVault(prefix, "eu-central-1", endpoint, timedelta(seconds=seconds))


def file_vault(folder: Path) -> Vault:
    """A folder of encrypted keys."""
    return KeyStore.create(folder, Secret.of("correct horse"), scrypt_cost=2**4)


@pytest.fixture(scope="session")
def soft_token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    return SoftToken(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="session")
def kms_endpoint() -> Iterator[str]:
    """moto's server on a free port of the loopback, with keys of nobody."""
    from moto.server import ThreadedMotoServer

    _teach_moto_digests()
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _teach_moto_digests() -> None:
    """moto hashes whatever it is to sign ("MessageType DIGEST is not yet implemented"); AWS takes a digest as it is."""
    from moto.kms import utils
    from moto.kms.responses import KmsResponse

    asked = threading.local()
    answer = KmsResponse.sign

    def sign(self: KmsResponse) -> object:
        asked.digest = self._get_param("MessageType") == "DIGEST"
        return answer(self)

    def sign_ecdsa(self: utils.ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        return self.private_key.sign(message, ec.ECDSA(hash_of(signing_algorithm)))

    def sign_rsa(self: utils.RSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        chosen = pss if "PSS" in signing_algorithm else padding.PKCS1v15()
        return self.private_key.sign(message, chosen, hash_of(signing_algorithm))

    def hash_of(signing_algorithm: str) -> hashes.HashAlgorithm | Prehashed:
        kind = hashes.SHA384() if signing_algorithm.endswith("384") else hashes.SHA256()
        return Prehashed(kind) if asked.digest else kind

    KmsResponse.sign = sign
    utils.ECDSAPrivateKey.sign = sign_ecdsa
    utils.RSAPrivateKey.sign = sign_rsa
