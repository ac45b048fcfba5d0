"""Contained errors: counted always, logged once per kind."""

from __future__ import annotations

import logging
import weakref
from contextlib import suppress

from .interrupts import is_interrupt
from .threads import RLock

logger = logging.getLogger("bedrock_attrib")


class ContainedErrors:
    """Counts of contained errors by place.

    A contained error is an exception of this library, or of a sink or guard, that did
    not reach the caller's Bedrock call.
    """

    def __init__(self) -> None:
        self.reset()
        _EVERY.add(self)

    def reset(self) -> None:
        """Start from nothing, as a forked child does: older counts are its parent's."""
        self._counts: dict[str, int] = {}
        self._logged: set[tuple[str, type[BaseException]]] = set()
        self._lock = RLock()  # a finalizer may call `note` in the middle of this

    def note(self, where: str, error: BaseException) -> None:
        """Count *error* at *where*; warn the first time, then log at DEBUG.

        Only type and place are logged, never the message, which may quote the
        response.

        Raises:
            BaseException: *error* itself, if a signal handler of the application has
                raised it: the time limit of a job, for example, is for the job.
        """
        if is_interrupt(error):
            raise error
        with self._lock:
            self._counts[where] = self._counts.get(where, 0) + 1
            kind = (where, type(error))
            is_new = kind not in self._logged
            self._logged.add(kind)
        # A log handler of the application may fail, and this is the last barrier.
        with suppress(Exception):
            _log(where, error, is_new=is_new)

    def counts(self) -> dict[str, int]:
        """Return the number of errors so far, by place."""
        with self._lock:
            return dict(self._counts)


def _log(where: str, error: BaseException, *, is_new: bool) -> None:
    if is_new:
        logger.warning(
            "contained %s in %s (raised at %s); the Bedrock call was not affected. "
            "More of this kind are counted and logged at DEBUG.",
            type(error).__name__,
            where,
            _origin(error),
        )
    else:
        logger.debug("contained %s in %s", type(error).__name__, where)


def _origin(error: BaseException) -> str:
    """File and line where *error* was raised, without its message."""
    traceback = error.__traceback__
    if traceback is None:
        return "unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return f"{code.co_filename}:{traceback.tb_lineno}"


_EVERY: weakref.WeakSet[ContainedErrors] = weakref.WeakSet()

PROCESS_ERRORS = ContainedErrors()
"""Errors that were contained outside of a recorder; its metric shows them too."""


def reset_all() -> None:
    """Start every count from nothing, in a forked child."""
    for faults in list(_EVERY):
        faults.reset()
