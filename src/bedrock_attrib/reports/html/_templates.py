"""Jinja templates of the page, which need the extra ``reports`` or ``cli``."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ..._model.formatting import counted, digits, money, short_count
from ...errors import MissingExtraError
from ._details import price_text, row_counts
from ._text import DASH, EMPTY, NONE, exact_parts, share_of, shorten, visible

if TYPE_CHECKING:
    from jinja2 import Environment

_EXTRA = "reports"


def render_page(title: str, chart_data: dict[str, object], **values: object) -> str:
    """Return the page.

    Args:
        title: Its title.
        chart_data: What its charts draw.
        **values: What the templates show, by name.

    Raises:
        MissingExtraError: If Jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401, PLC0415 -- an extra
        from markupsafe import Markup  # noqa: PLC0415 -- comes with Jinja2
    except ModuleNotFoundError as error:
        raise MissingExtraError(_EXTRA, "jinja2") from error
    styles = [_resource("vendor", "uPlot.min.css"), _resource("page.css")]
    scripts = [_resource("vendor", "uPlot.iife.min.js"), _resource("page.js")]
    # Files of this package, and JSON without the characters of markup.
    trusted = {
        "styles": [Markup(style) for style in styles],  # noqa: S704 -- as above
        "scripts": [Markup(script) for script in scripts],  # noqa: S704 -- as above
        "chart_data": Markup(_json_for_script(chart_data)),  # noqa: S704 -- as above
    }
    return (
        _environment()
        .get_template("page.html")
        .render(title=title, policy=_policy(scripts, styles), **trusted, **values)
    )


@cache
def _environment() -> Environment:
    import jinja2  # noqa: PLC0415 -- an extra

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=money,
        exact_parts=exact_parts,
        short_count=short_count,
        shorten=shorten,
        count="{:,}".format,
        digits=digits,
    )
    environment.globals.update(
        share_of=share_of,
        counted=counted,
        price_text=price_text,
        row_counts=row_counts,
        DASH=DASH,
        NONE=NONE,
        EMPTY=EMPTY,
    )
    return environment


def _visible_text(value: object) -> object:
    """Make invisible characters visible in all text that is not markup already."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value


@cache
def _resource(*parts: str) -> str:
    return files(__package__).joinpath(*parts).read_text("utf-8").strip()


def _json_for_script(value: object) -> str:
    """Return *value* as JSON that cannot end the script element around it."""
    written = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Return the Content-Security-Policy: the page's own scripts and no requests."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts))}",
            f"style-src {' '.join(map(_digest, styles))}",
            "img-src data:",  # an empty icon keeps a browser from requesting one
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(content: str) -> str:
    """Return the source expression that allows exactly *content*."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
