"""Guard wait: guards that are asked on another thread, while a task waits for them."""

from __future__ import annotations

from .call import Call


class GuardWait:
    """Guards of one call that may have to wait for a server.

    The task that waits may be cancelled. The call is then ended once all of its guards
    have been asked, so that whatever they reserve for it is settled.
    """

    def __init__(self, call: Call) -> None:
        """Wait for the guards of *call*."""
        self._call = call
        self._is_done = False
        self._error: str | None = None

    def ask(self) -> None:
        """Ask the guards, on a thread that may wait.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        try:
            self._call.lifecycle.ask_guards_again(self._call)
        finally:
            self._is_done = True
            self._end()

    def give_up(self, error: str) -> None:
        """End the call, which is not sent, as its task was stopped by *error*."""
        self._error = error
        if self._is_done:
            self._end()

    def _end(self) -> None:
        if self._error is not None:
            self._call.lifecycle.unanswered(self._call, self._error, was_sent=False)
