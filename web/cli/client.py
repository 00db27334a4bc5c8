"""The service as a command sees it: a running one over HTTP, or the same application in this process.

With `--data DIR` the folder is opened and the very same routes answer, so a command is one thin edge in both cases.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import httpx
import typer

from pki.secret_text import Secret
from web.cli.failures import FAILED, CommandFailed, WrongUse, of_problem
from web.cli.streams import StreamedApp, pulled

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT = httpx.Timeout(600.0, connect=10.0)  # an import of many thousand stations takes minutes

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Work on this data folder directly instead of calling the service at VOLTWARD_URL.",
    ),
]


class ServiceClient:
    """Calls the API and hands JSON back. Raises CommandFailed for every refusal and failure."""

    def __init__(
        self,
        request: Callable[..., httpx.Response],
        stream: Callable[..., AbstractContextManager[tuple[httpx.Response, Iterator[bytes]]]],
    ) -> None:
        self._request = request
        self._stream = stream

    def get(self, path: str, **query: object) -> Any:
        """GET under /api/v1; queries that are None are left out."""
        return self._call("GET", path, params={k: _spell(v) for k, v in query.items() if v is not None})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST JSON under /api/v1."""
        return self._call("POST", path, json=body if body is not None else {})

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """PUT JSON under /api/v1."""
        return self._call("PUT", path, json=body)

    def delete(self, path: str, **query: object) -> Any:
        """DELETE under /api/v1."""
        return self._call("DELETE", path, params={k: _spell(v) for k, v in query.items() if v is not None})

    def patch(self, path: str, content: bytes, headers: Mapping[str, str], **query: object) -> Any:
        """PATCH octets under /api/v1."""
        asked = {k: _spell(v) for k, v in query.items() if v is not None}
        return self._call("PATCH", path, content=content, headers=dict(headers), params=asked)

    def every(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        after = None
        while True:
            found = self.get(path, after=after, limit=1000, **query)
            yield from found["items"]
            after = found["next"]
            if after is None:
                return

    @contextmanager
    def stream(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: object
    ) -> Iterator[Iterator[bytes]]:
        """The answer piece by piece, for one that may be longer than memory."""
        asked = {k: _spell(v) for k, v in query.items() if v is not None}
        with self._stream(method, f"/api/v1/{path}", json=body, params=asked) as (answer, pieces):
            if not answer.is_success:
                raise of_problem(answer.status_code, _parsed(b"".join(pieces), answer.status_code))
            yield pieces

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._request(method, f"/api/v1/{path}", **arguments)
        if answer.status_code == 204:
            return None
        content = _read(answer)
        if answer.is_success:
            return content
        raise of_problem(answer.status_code, content)


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")


@contextmanager
def service(data: Path | None, bearer: Callable[[], Secret] | None = None) -> Iterator[ServiceClient]:
    """The running service of VOLTWARD_URL, or the one over a data folder.

    `bearer` gives, for each request, what stands in for VOLTWARD_TOKEN.
    """
    if data is not None and bearer is not None:
        raise WrongUse("an OIDC token is for a running service: leave --data out")
    with _folder(data) if data is not None else _remote(bearer) as client:
        yield client


@contextmanager
def _remote(bearer: Callable[[], Secret] | None) -> Iterator[ServiceClient]:
    base = os.environ.get("VOLTWARD_URL") or DEFAULT_URL
    token = os.environ.get("VOLTWARD_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token and bearer is None else {}
    try:
        client = httpx.Client(base_url=base, headers=headers, timeout=_TIMEOUT, auth=_signing_in(bearer))
    except (httpx.InvalidURL, UnicodeEncodeError) as fault:
        raise CommandFailed(f"VOLTWARD_URL or VOLTWARD_TOKEN is not usable: {fault}") from None

    def request(method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return client.request(method, path, **arguments)
        except httpx.TimeoutException:
            raise CommandFailed(f"the service at {base} did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            hint = "Start it with `voltward serve`, or set VOLTWARD_URL to where it runs."
            raise CommandFailed(f"cannot reach the service at {base}: {fault}", hint) from None

    @contextmanager
    def stream(method: str, path: str, **arguments: Any) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
        try:
            with client.stream(method, path, **arguments) as answer:
                yield answer, answer.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            hint = "Start it with `voltward serve`, or set VOLTWARD_URL to where it runs."
            raise CommandFailed(f"the answer of the service at {base} broke off: {fault}", hint) from None

    with client:
        yield ServiceClient(request, stream)


def _signing_in(bearer: Callable[[], Secret] | None) -> Callable[[httpx.Request], httpx.Request] | None:
    if bearer is None:
        return None

    def sign_in(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {bearer().text()}"
        return request

    return sign_in


@contextmanager
def _folder(data: Path) -> Iterator[ServiceClient]:
    # Loaded when needed: a command that only calls a running service starts four times faster without them.
    from web.app import make_app
    from web.data_folder import open_folder

    opened = open_folder(data)
    try:
        app = _as_operator(make_app(opened))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://voltward", timeout=_TIMEOUT)
        streaming = httpx.AsyncClient(transport=StreamedApp(app), base_url="http://voltward", timeout=_TIMEOUT)
        with asyncio.Runner() as runner:

            def request(method: str, path: str, **arguments: Any) -> httpx.Response:
                return runner.run(client.request(method, path, **arguments))

            @contextmanager
            def stream(method: str, path: str, **arguments: Any) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
                answer = runner.run(streaming.send(streaming.build_request(method, path, **arguments), stream=True))
                try:
                    yield answer, pulled(runner, answer.aiter_bytes())
                finally:
                    runner.run(answer.aclose())

            yield ServiceClient(request, stream)
            runner.run(client.aclose())
            runner.run(streaming.aclose())
    finally:
        opened.close()


def _as_operator(app: "ASGIApp") -> "ASGIApp":
    from web.auth import as_principal
    from web.permissions import FOLDER_OPERATOR

    async def with_principal(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await app(as_principal(FOLDER_OPERATOR, scope), receive, send)

    return with_principal


def _read(answer: httpx.Response) -> Any:
    return _parsed(answer.content, answer.status_code)


def _parsed(content: bytes, status: int) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        sentence = f"the service answered {status} without JSON"
        raise CommandFailed(sentence, "Is VOLTWARD_URL the address of Voltward's console?", FAILED) from None


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
