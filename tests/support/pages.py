"""What a page of the documentation promises: its fenced blocks, in order."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?P<comment>(?:^[ ]*<!--[^\n]*-->\n(?:[ ]*\n)?)?)"
    r"^(?P<indent>[ ]*)```(?P<head>[^\n`]*)\n"
    r"(?P<code>.*?)"
    r"^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
_TITLE = re.compile(r"title=\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        language: First word after the fence.
        title: Name of the file that it is; empty when it is none.
        line: Line of the page on which its text starts, from 1.
        code: Its text, without the indentation of the fence.
        not_run: Why it is not run; empty when it is.
        is_output: Whether it is what the block before it prints.
    """

    language: str
    title: str
    line: int
    code: str
    not_run: str
    is_output: bool


def read_blocks(page: Path) -> list[Block]:
    """Find the fenced blocks of *page*."""
    text = page.read_text("utf-8")
    return [_block(text, found) for found in _FENCE.finditer(text)]


def _block(text: str, found: re.Match[str]) -> Block:
    head, comment = found["head"].strip(), found["comment"]
    reason = _NOT_RUN.search(comment)
    title = _TITLE.search(head)
    return Block(
        language=head.split(maxsplit=1)[0] if head else "",
        title=title[1] if title else "",
        line=text.count("\n", 0, found.start("code")) + 1,
        code=textwrap.dedent(found["code"]),
        not_run=reason[1] if reason else "",
        is_output="<!-- output -->" in comment,
    )


def commands(block: Block) -> list[str]:
    """Commands of a console block: after ``$ `` where there is one, else each line."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        return [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line and not line.startswith("#")]
