"""Drawings of the architecture page: packages in import order, and the path of a call.

Run: python scripts/draw_architecture.py [--check]
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "explanation"
LAYER_TEST = ROOT / "tests" / "test_layers.py"

SUBJECTS = {
    "errors": "error tree",
    "_version": "version",
    "_model": "usage, cost, records",
    "_runtime": "threads, forks, exit",
    "_attribution": "tags and blocks",
    "_readers": "usage from responses",
    "pricing": "dated price rows",
    "_sinks": "protocols, queue",
    "metrics": "OpenTelemetry",
    "ledger": "every call, sums",
    "policy": "tag policy",
    "budgets": "limits",
    "_config": "settings",
    "_exit_summary": "one line at exit",
    "_resource_tags": "OpenTelemetry resource",
    "_recording": "a call, start to record",
    "_default_recorder": "configure()",
    "_instrument": "botocore events",
    "httpx": "httpx hooks",
    "propagation": "threads, baggage",
    "instrumentor": "OpenTelemetry entry",
    "serverless": "AWS Lambda",
    "_pyinstaller": "hook: package data",
    "_run": "bedrock-attrib run",
    "sinks": "public protocols",
    "aws": "profiles, bills",
    "dashboards": "Grafana, alerts",
    "reports": "tables, analyses",
    "testing": "simulator",
    "cli": "commands",
    "__main__": "entry point",
}
PLANNED = {"dashboards"}

STYLE = """\
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2937 }
.name { font: 600 13px ui-monospace, monospace }
.small { font-size: 11px; fill: #4b5563 }
.box { fill: #eef2ff; stroke: #6366f1; rx: 6px }
.core { fill: #ecfdf5; stroke: #059669 }
.planned { fill: none; stroke: #9ca3af; stroke-dasharray: 4 3 }
.lane { fill: #f9fafb; stroke: #d1d5db; rx: 8px }
.arrow { stroke: #6b7280; fill: none; stroke-width: 1.5; marker-end: url(#tip) }
.tip { fill: #6b7280 }
@media (prefers-color-scheme: dark) {
text { fill: #e5e7eb }
.small { fill: #9ca3af }
.box { fill: #1e1b4b; stroke: #818cf8 }
.core { fill: #052e16; stroke: #34d399 }
.planned { fill: none; stroke: #6b7280 }
.lane { fill: #111827; stroke: #374151 }
.arrow { stroke: #9ca3af }
.tip { fill: #9ca3af }
}
</style>
<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4"
orient="auto"><path class="tip" d="M0,0 L8,4 L0,8 z"/></marker></defs>
"""


@dataclass
class Drawing:
    """SVG elements of one picture, in pixels."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: int, y: int, wide: int, lines: tuple[str, ...], kind: str) -> None:
        """Add a box with a name and lines of small text below it."""
        high = 26 + 15 * (len(lines) - 1)
        self.parts.append(
            f'<rect class="box {kind}" x="{x}" y="{y}" width="{wide}" height="{high}"/>'
        )
        for row, line in enumerate(lines):
            style = "small" if row else "name"
            self.text(x + wide // 2, y + 17 + 15 * row, line, style, "middle")

    def lane(self, y: int, high: int, label: str) -> None:
        """Add a labelled band over the whole width."""
        self.parts.append(
            f'<rect class="lane" x="4" y="{y}" width="{self.width - 8}" '
            f'height="{high}"/>'
        )
        self.text(14, y + 18, label, "small", "start")

    def text(self, x: int, y: int, text: str, style: str, anchor: str) -> None:
        """Add a line of text."""
        self.parts.append(
            f'<text class="{style}" x="{x}" y="{y}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def arrow(self, path: str) -> None:
        """Add an arrow along an SVG path."""
        self.parts.append(f'<path class="arrow" d="{path}"/>')

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}">\n'
            f"<title>{escape(self.title)}</title>\n"
            + STYLE
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def layers() -> list[tuple[str, ...]]:
    """Return the layers that the test of imports holds, innermost first."""
    for node in ast.parse(LAYER_TEST.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS":
            found: list[tuple[str, ...]] = ast.literal_eval(node.value)
            return [names for names in found if names != ("__init__",)]
    raise SystemExit(f"no LAYERS in {LAYER_TEST}")


def draw_layers() -> str:
    """Draw the packages, the outermost layer at the top."""
    rows = layers()[::-1]
    wide, high, gap = 176, 41, 14
    width = 4 * (wide + gap) + gap
    drawing = Drawing(width, len(rows) * (high + gap) + gap, "Packages in import order")
    for row, names in enumerate(rows):
        y = gap + row * (high + gap)
        left = (width - len(names) * (wide + gap) + gap) // 2
        for column, name in enumerate(names):
            kind = "planned" if name in PLANNED else ""
            if name in {"_readers", "pricing", "_attribution", "_recording"}:
                kind = "core"
            x = left + column * (wide + gap)
            drawing.box(x, y, wide, (name, SUBJECTS[name]), kind)
    return drawing.svg()


def draw_call() -> str:
    """Draw the path of a call over the caller's thread and the finalizer's."""
    drawing = Drawing(890, 330, "The path of a call")
    drawing.lane(6, 128, "caller's thread")
    drawing.lane(196, 128, "finalizer's thread")
    top = (
        ("event_handlers", "amend: metadata, routing", "open: tags, guards"),
        ("botocore, AWS", "request, response", "retries"),
        ("event_handlers", "answer: usage noted", "or stream observed"),
        ("lifecycle", "the call ends, once", "and is queued"),
    )
    for column, lines in enumerate(top):
        drawing.box(20 + column * 218, 42, 186, lines, "" if column == 1 else "core")
        if column:
            x = 20 + column * 218
            drawing.arrow(f"M{x - 32},70 L{x - 2},70")
    drawing.arrow("M768,100 L768,160 L113,160 L113,230")
    bottom = (
        ("_readers", "usage in disjoint", "units"),
        ("pricing", "row of the day,", "exact cost"),
        ("record_builder", "status, reason,", "CallRecord"),
        ("finalizer", "spend of blocks,", "sinks in groups"),
    )
    for column, lines in enumerate(bottom):
        drawing.box(20 + column * 218, 232, 186, lines, "core")
        if column:
            x = 20 + column * 218
            drawing.arrow(f"M{x - 32},260 L{x - 2},260")
    return drawing.svg()


def main() -> None:
    """Write both pictures, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    stale = []
    for name, draw in (("layers.svg", draw_layers), ("call.svg", draw_call)):
        path, svg = PICTURES / name, draw()
        if options.check:
            if not path.exists() or path.read_text("utf-8") != svg:
                stale.append(name)
        else:
            path.write_text(svg, "utf-8")
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run scripts/draw_architecture.py")


if __name__ == "__main__":
    main()
