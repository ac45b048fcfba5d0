"""Command of this program as a shell finds it, for suggested commands."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path

_NAME = "bedrock-attrib"
_SUGGESTED = re.compile(rf"(?<![\w/.-]){_NAME}(?= [a-z])")


def runnable(text: str) -> str:
    """Return *text* with its commands as the shell that ran this program finds them.

    A script outside the PATH, such as that of an environment that is not activated, is
    written with its path, so that the suggested command can be pasted.
    """
    return _SUGGESTED.sub(lambda _: _command(), text)


def _command() -> str:
    script = Path(sys.argv[0])
    # A name without a folder was found on the PATH. `python -m` names a module's file.
    if script.stem != _NAME or not script.parent.name:
        return _NAME
    found = shutil.which(_NAME)
    with suppress(OSError):
        if found is not None and script.samefile(found):
            return _NAME
    with suppress(ValueError):
        script = script.absolute().relative_to(Path.cwd())
    return shlex.quote(str(script))
