"""The page as a whole: one file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from ._markup import data, text

_SECTIONS = (
    ("over-time", "Over time"),
    ("top", "Top"),
    ("tokens-over-time", "Tokens"),
    ("failures", "Failures"),
    ("gaps", "Gaps"),
    ("rows", "All rows"),
    ("by-hand", "By hand"),
    ("about", "About"),
)


@cache
def _resource(*parts: str) -> str:
    return files(__package__).joinpath(*parts).read_text("utf-8").strip()


def _digest(content: str) -> str:
    """*content* as a policy names it: only this very text is run, or styles."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """The Content-Security-Policy: what the page may run, and that it asks for nothing.

    An empty icon keeps a browser from asking a server for one.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts))}",
            f"style-src {' '.join(map(_digest, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def page(
    title: str, lead: str, sections: Sequence[str], figures: dict[str, object]
) -> str:
    """One page.

    Args:
        title: Its title, as text.
        lead: What it is about, as HTML.
        sections: Its parts, as HTML.
        figures: What its charts draw.
    """
    styles = [_resource("vendor", "uPlot.min.css"), _resource("page.css")]
    scripts = [_resource("vendor", "uPlot.iife.min.js"), _resource("page.js")]
    allowed = policy(scripts, styles)
    shown = "".join(sections)
    links = "".join(
        f'<li><a href="#{ident}">{name}</a></li>'
        for ident, name in _SECTIONS
        if f'id="{ident}"' in shown
    )
    nav = f'<nav aria-label="On this page"><ul>{links}</ul></nav>' if links else ""
    parts = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="color-scheme" content="light dark">',
        f'<title>{text(title)}</title><link rel="icon" href="data:,">',
        *(f"<style>{style}</style>" for style in styles),
        '</head><body><a class="skip" href="#main">To the figures</a>',
        '<div class="wrap">',
        f"<header><h1>{text(title)}</h1>{lead}{nav}</header>",
        f'<main id="main">{shown}</main></div>',
        f'<script type="application/json" id="figures">{data(figures)}</script>',
        *(f"<script>{script}</script>" for script in scripts),
        "</body></html>\n",
    )
    return "\n".join(parts)
