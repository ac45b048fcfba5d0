"""Why a program cannot be started, as exit codes say it."""

from __future__ import annotations

NOT_FOUND = 127  # as shells say it
NOT_EXECUTABLE = 126
WRONG_USE = 2


class LaunchError(Exception):
    """The program cannot be started.

    Attributes:
        code: Exit code that says why.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
