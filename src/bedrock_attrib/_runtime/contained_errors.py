"""What went wrong inside the library: counted always, logged once per kind."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import RLock
from typing import TypeAlias, TypeVar

logger = logging.getLogger("bedrock_attrib")

Item = TypeVar("Item")
Note: TypeAlias = Callable[[BaseException], None]
"""Takes a fault that was contained."""


class Faults:
    """Counts of contained faults by place.

    A fault is an exception of ours, or of a sink or guard, that was kept away from
    the caller's Bedrock call.
    """

    def __init__(self) -> None:
        self.reset()
        _EVERY.add(self)

    def reset(self) -> None:
        """Start from nothing, as a forked child does: the rest is its parent's."""
        self._counts: dict[str, int] = {}
        self._told: set[tuple[str, type[BaseException]]] = set()
        self._lock = RLock()  # a finalizer may note a fault in the middle of this

    def note(self, where: str, error: BaseException) -> None:
        """Count *error* at *where*; warn the first time, then log at DEBUG.

        Only type and place are logged, never the message, which may quote the
        response that it was raised over.
        """
        with self._lock:
            self._counts[where] = self._counts.get(where, 0) + 1
            kind = (where, type(error))
            is_new = kind not in self._told
            self._told.add(kind)
        # A log handler of the application may fail, and this is the last barrier.
        with suppress(Exception):
            _tell(where, error, is_new=is_new)

    def counts(self) -> dict[str, int]:
        """Number of faults so far, by place."""
        with self._lock:
            return dict(self._counts)


def for_each(
    items: Callable[[], Iterable[Item]],
    do: Callable[[Item], None],
    note: Note,
) -> None:
    """Do *do* for each of *items*, whatever is raised meanwhile.

    Ctrl-C, or what else is no fault, is raised when all is done: the one item that it
    came in the middle of is not done again. Pressed twice, it is raised at once.

    Args:
        items: Gives them, when asked again the same.
        do: What is done.
        note: Takes each fault.
    """
    rest: Iterator[Item] | None = None
    interrupt: BaseException | None = None
    is_over = False
    while not is_over:
        try:
            if rest is None:
                rest = iter(list(items()))
            for item in rest:
                try:
                    do(item)
                except Exception as fault:
                    note(fault)
            is_over = True
        except BaseException as other:
            if isinstance(other, KeyboardInterrupt) and interrupt is not None:
                raise  # somebody does not want to wait for something slow
            interrupt = other
    if interrupt is not None:
        raise interrupt


def _tell(where: str, error: BaseException, *, is_new: bool) -> None:
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


_EVERY: weakref.WeakSet[Faults] = weakref.WeakSet()


def _reset_in_child() -> None:  # pragma: no cover -- runs in a forked child
    for faults in list(_EVERY):
        faults.reset()


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(after_in_child=_reset_in_child)
