"""A CI system of our own: an OIDC issuer with a key, and tokens for its jobs as GitHub Actions gives them out."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey


class CiIssuer:
    """Tokens say `claims` and live for `life` seconds; `given` counts them."""

    def __init__(self, url: str, life: float) -> None:
        self.url = url
        self.life = life
        self.given = 0
        self.job_secret = secrets.token_urlsafe(16)
        self.claims: dict[str, str] = {"repository": "acme/wallbox", "ref": "refs/tags/v1"}
        self._key = ECKey.generate_key("P-256", {"kid": "ci-1", "use": "sig"})

    def token(self, audience: str) -> str:
        """A token of the job."""
        self.given += 1
        now = int(time.time())
        told = {"iss": self.url, "aud": audience, "iat": now, "exp": now + self.life, "jti": secrets.token_hex(8)}
        return jwt.encode({"alg": "ES256", "kid": "ci-1"}, {**told, **self.claims}, self._key)

    def answer(self, path: str, audience: str, authorization: str) -> dict[str, Any] | None:
        """What is to be found at a path; None is 404."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return {"keys": [self._key.as_dict(private=False)]}
        if path == "/token" and authorization == f"Bearer {self.job_secret}":
            return {"value": self.token(audience)}
        return None

    @property
    def job(self) -> dict[str, str]:
        """The environment of a job."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.job_secret,
        }

    def setting(self, audience: str, vendor: str) -> dict[str, str]:
        """The settings of a service that believes it."""
        rule = {"name": "wallbox", "claims": {"repository": "acme/wallbox", "ref": "refs/tags/v*"}, "vendor": vendor}
        issuers = [{"issuer": self.url, "audience": audience, "rules": [rule]}]
        return {"VOLTWARD_OIDC": json.dumps(issuers), "VOLTWARD_OIDC_HOSTS": "127.0.0.0/8"}


@contextmanager
def ci_issuer(life: float) -> Iterator[CiIssuer]:
    """It runs for the length of the block, on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            found = issuer.answer(path, query.rpartition("audience=")[2], self.headers.get("Authorization", ""))
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = CiIssuer(f"http://127.0.0.1:{server.server_port}", life)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
