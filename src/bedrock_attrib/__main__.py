"""The entry point: ``bedrock-attrib`` and ``python -m bedrock_attrib``."""

from __future__ import annotations

import sys

from .errors import MissingExtraError

_EXTRA = "cli"
_NEEDS_NO_EXTRA = "run"
_IN_EXTRA = frozenset({"click", "rich"})
_WRONG_INSTALL = 2
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        if sys.argv[1:2] == [_NEEDS_NO_EXTRA]:
            from ._run import launch  # noqa: PLC0415 -- it alone needs no extra

            launch(sys.argv[2:])
        # Not at the top: without its extra the command must end with a message.
        from .cli import run  # noqa: PLC0415

        run()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _IN_EXTRA:
            raise
        sys.stderr.write(f"Error: {MissingExtraError(_EXTRA, package)}\n")
        sys.exit(_WRONG_INSTALL)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
