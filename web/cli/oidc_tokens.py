"""The token that a CI system gives its job: from a file, an environment variable, or asked of GitHub Actions."""

import json
import os
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path

import httpx

from pki.secret_text import Secret
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_text

_AHEAD = 60.0  # seconds before a token's end in which another is fetched
_GITHUB_URL, _GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


def oidc_token(file: Path | None, variable: str | None, audience: str | None) -> Callable[[], Secret] | None:
    """What gives the token whenever one is needed; None when no way was named. Raises WrongUse."""
    if sum(one is not None for one in (file, variable, audience)) > 1:
        raise WrongUse("--oidc-token-file, --oidc-env and --oidc-github: name one of them")
    if file is not None:
        found = _not_empty(read_text(file), str(file))
        return lambda: found
    if variable is not None:
        told = _not_empty(os.environ.get(variable, ""), f"the environment variable {variable}")
        return lambda: told
    return GitHubTokens(audience).token if audience is not None else None


class GitHubTokens:
    """Tokens of a job of GitHub Actions: they end after minutes, and the job may ask for as many as it likes."""

    def __init__(self, audience: str) -> None:
        missing = [name for name in (_GITHUB_URL, _GITHUB_TOKEN) if not os.environ.get(name)]
        if missing:
            raise WrongUse(f"{missing[0]} is not set", "The job needs the permission `id-token: write`.")
        self._audience = audience
        self._held = Secret.of("")
        self._ends = 0.0

    def token(self) -> Secret:
        """One that is good for a while. Raises CommandFailed."""
        if time.time() >= self._ends - _AHEAD:
            self._held = self._fetched()
            self._ends = _end_of(self._held)
        return self._held

    def _fetched(self) -> Secret:
        url = httpx.URL(os.environ[_GITHUB_URL]).copy_merge_params({"audience": self._audience})
        try:
            answer = httpx.get(url, headers={"Authorization": f"Bearer {os.environ[_GITHUB_TOKEN]}"}, timeout=30)
            return Secret.of(str(answer.raise_for_status().json()["value"]))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as fault:
            raise CommandFailed(f"GitHub Actions gave no OIDC token ({type(fault).__name__})") from None


def _end_of(token: Secret) -> float:
    """When it ends (Unix time), as it says itself; the service is who believes it or not."""
    try:
        payload = token.text().split(".")[1]
        return float(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError):
        return 0.0


def _not_empty(text: str, where: str) -> Secret:
    if not text.strip():
        raise WrongUse(f"there is no OIDC token in {where}", "Ask the CI for one: docs/ci.md has examples.")
    return Secret.of(text.strip())
