"""Run the blocks of one page in order, and write what each of them printed.

Usage: run_page.py PAGE RESULTS. Python blocks share one namespace, commands run in
the current folder, and a block with a title becomes the file of that name. RESULTS
gets a JSON object: line of the block to its output.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

from pages import Block, commands, read_blocks


def run_python(block: Block, page: Path, namespace: dict[str, object]) -> str:
    """Run a Python block; a traceback shows the page's own lines."""
    code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)  # noqa: S102 -- the project's own documentation
    return printed.getvalue()


def run_console(block: Block) -> str:
    """Run the commands of a block as a shell would; the first that fails ends it."""
    script = "\n".join(["set -e", *commands(block)])
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"line {block.line}: exit code {done.returncode}\n{script}")
    return done.stdout.decode()


def run_page(page: Path) -> dict[int, str]:
    """Run all blocks of *page* and return what each printed, by line."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    outputs = {}
    for block in read_blocks(page):
        if block.not_run or block.is_output:
            continue
        if block.title:
            Path(block.title).write_text(block.code, "utf-8")
        elif block.language == "python":
            outputs[block.line] = run_python(block, page, namespace)
        elif block.language in {"console", "bash"}:
            outputs[block.line] = run_console(block)
    return outputs


if __name__ == "__main__":
    results = run_page(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(results), "utf-8")
