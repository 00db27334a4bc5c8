"""The token that a CI system gives its job: from a file, or from an environment variable."""

import os
from pathlib import Path

from pki.secret_text import Secret
from web.cli.failures import WrongUse
from web.cli.files import read_text


def oidc_token(file: Path | None, variable: str | None) -> Secret | None:
    """None when neither was named. Raises WrongUse."""
    if file is not None and variable is not None:
        raise WrongUse("--oidc-token-file and --oidc-env name the token twice")
    if file is not None:
        return _not_empty(read_text(file), str(file))
    if variable is not None:
        return _not_empty(os.environ.get(variable, ""), f"the environment variable {variable}")
    return None


def _not_empty(text: str, where: str) -> Secret:
    if not text.strip():
        raise WrongUse(f"there is no OIDC token in {where}", "Ask the CI for one: docs/ci.md has examples.")
    return Secret.of(text.strip())
