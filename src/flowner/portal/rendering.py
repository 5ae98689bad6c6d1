"""Templates to pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from flowner.approvals.markdown import to_html
from flowner.portal.assets import address_of
from flowner.portal.conditions import coded, said
from flowner.portal.visiting import Visit, theme_of
from flowner.values import Json

_SAID: Final = "flowner_said"
_GLYPHS: Final = {
    "shared_approvals": "approvals_app",
    "shared_office365": "mail",
    "shared_outlook": "mail",
    "shared_sendmail": "mail",
    "shared_smtp": "mail",
    "shared_office365users": "people_team",
    "shared_commondataserviceforapps": "database_lightning",
    "shared_commondataservice": "database_lightning",
    "http": "globe",
    "shared_webcontents": "globe",
}
KINDS: Final = {
    "instant": ("Instant", "cursor_click"),
    "automated": ("Automated", "flash"),
    "scheduled": ("Scheduled", "calendar_clock"),
    "http": ("HTTP", "globe"),
}
"""The kinds of flows: their titles and glyphs."""
STATUSES: Final = {
    "Succeeded": ("good", "checkmark_circle"),
    "Failed": ("bad", "error_circle"),
    "TimedOut": ("bad", "timer"),
    "Cancelled": ("", "subtract_circle"),
    "Skipped": ("", "subtract_circle"),
    "Running": ("warn", "arrow_sync"),
    "Waiting": ("warn", "clock"),
}
"""How statuses are shown: the style of their badge, and its glyph."""


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("flowner.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "asset": address_of,
        "glyph_of": lambda connector: _GLYPHS.get(connector, "plug_connected"),
        "connector_title": connector_title,
        "KINDS": KINDS,
        "STATUSES": STATUSES,
    }
    made.filters |= {
        "title_of": lambda name: str(name).replace("_", " "),
        "ago": ago,
        "moment": moment,
        "duration": duration,
        "pretty": pretty,
        "pair": lambda text: (text, text),
        "named": lambda one: (one.id, one.name),
        "combine": lambda values, more: {**values, **more},
        "plain": said,
        "coded": coded,
        "numbers": lambda place: ".".join(str(int(one) + 1) for one in place.split(".")),
        "query": lambda values: urlencode({k: v for k, v in values.items() if v not in (None, "")}),
        "segment": lambda text: quote(str(text), safe=""),
        "count": counted,
        "markdown": lambda text: Markup(to_html(text)),  # noqa: S704 - it has been made harmless
        "begun": lambda text: str(text)[:1].upper() + str(text)[1:],
        "words": words,
    }
    return made


def words(text: str) -> Markup:
    """Return a sentence as HTML: what stands between backticks is code; nothing else is HTML."""
    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:  # one is left alone: it means nothing
        return escape(text)
    shown = (f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return Markup("".join(shown))  # noqa: S704 - all of it is escaped


def page(visit: Visit, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a page, or a part of one, for a visitor.

    Templates are given ``visit``, ``me``, ``rooms``, ``form_token`` and what the page brings.
    """
    request = visit.request
    said = unquote(request.cookies.get(_SAID, "")) if not visit.is_partial else ""
    html = (
        _templates()
        .get_template(template)
        .render(
            visit=visit,
            me=visit.visitor,
            rooms=visit.rooms,
            tenant=visit.rooms.tenant,
            form_token=visit.form_token,
            theme=theme_of(request),
            here=request.url.path,
            now=visit.rooms.clock.now(),
            said=said,
            **context,
        )
    )
    response = HTMLResponse(html, status_code=status)
    if said:
        response.delete_cookie(_SAID, path="/")
    return response


def bare_page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """Render a page for nobody in particular: sign-in, errors."""
    html = _templates().get_template(template).render(
        me=None, tenant=request.app.state.rooms.tenant, theme=theme_of(request), said="",
        here=request.url.path, form_token="", **context,
    )  # fmt: skip
    return HTMLResponse(html, status_code=status)


def macro(name: str, part: str) -> Callable[..., str]:
    """Return a macro of a template, to render a part of a page by itself."""
    found: Callable[..., str] = getattr(_templates().get_template(name).module, part)
    return found


@pass_context
def connector_title(context: Context, connector: str) -> str:
    """Return a connector's name as people read it, also of one that is not here."""
    rooms = context.get("rooms")
    if rooms is not None and connector in rooms.connectors:
        return str(rooms.connectors[connector].title)
    return connector.removeprefix("shared_").replace("_", " ").capitalize()


def ago(then: datetime | str | None, now: datetime) -> str:
    """Return how long ago something was: *now*, *5 min ago*, *yesterday*, or the day."""
    if then is None:
        return ""
    moment_ = datetime.fromisoformat(then) if isinstance(then, str) else then
    seconds = (now - moment_).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds / 3600:.0f} h ago"
    return "yesterday" if seconds < 2 * 86_400 else f"{moment_:%-d %b %Y}"


def moment(then: datetime | str | None) -> str:
    """Return a moment in UTC, to the second."""
    if then is None:
        return ""
    found = datetime.fromisoformat(then) if isinstance(then, str) else then
    return f"{found:%-d %b %Y, %H:%M:%S} UTC"


def duration(start: datetime | str | None, end: datetime | str | None) -> str:
    """Return how long something took: *312 ms*, *4.2 s*, *3 min 5 s*, *2 h 5 min*."""
    if start is None or end is None:
        return ""
    begun = datetime.fromisoformat(start) if isinstance(start, str) else start
    ended = datetime.fromisoformat(end) if isinstance(end, str) else end
    seconds = max(0.0, (ended - begun).total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def pretty(value: Json) -> str:
    """Return JSON on several lines; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: *1 person*, *46 people*."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
