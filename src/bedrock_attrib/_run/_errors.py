"""Errors of ``run``, with their exit codes."""

from __future__ import annotations

NOT_FOUND = 127  # as shells report it
NOT_EXECUTABLE = 126
WRONG_USE = 2


class LaunchError(Exception):
    """The program cannot be started.

    Attributes:
        code: Exit code of the command.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
