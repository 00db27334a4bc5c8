"""Templates: plain HTML, everything escaped, missing values an error."""

from datetime import datetime
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from web.pages import TEMPLATES
from web.pages.visitor import Visitor


def render(template: str, visitor: Visitor | None = None, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page from its template."""
    text = _ENVIRONMENT.get_template(template).render(visitor=visitor, **shown)
    return HTMLResponse(text, status_code=status)


def moment(value: datetime | None) -> Markup:
    """A time as people read it (UTC, to the second) and as machines do."""
    if value is None:
        return Markup('<span class="quiet">never</span>')
    exact = value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(exact, f"{value:%Y-%m-%d %H:%M:%S}")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    return environment


_ENVIRONMENT = _environment()
