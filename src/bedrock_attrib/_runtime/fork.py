"""Fork hook: what a forked child resets, and in which order."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import partial
from os import getpid
from time import sleep
from types import MethodType
from typing import Any

from .contained_errors import PROCESS_ERRORS, reset_all
from .threads import get_ident


class ResetOrder(IntEnum):
    """Order of the resets in a forked child; of equal ones, functions run first."""

    LOCKS = 0  # which threads of the parent may have held
    QUEUES = 1  # pending work belongs to the parent
    FIGURES = 2  # the parent reports what came before
    CALLS = 3  # open calls belong to the parent
    EXPORT = 4  # instruments, exit handlers


class _Resets:
    """Resets of this process; methods do not keep their objects alive.

    Attributes:
        pid: Process id of the process for which they ran last.
    """

    def __init__(self) -> None:
        self._functions: dict[ResetOrder, list[Callable[[], None]]]
        self._functions = {order: [] for order in ResetOrder}
        self._methods: dict[
            ResetOrder, weakref.WeakKeyDictionary[object, Callable[[Any], None]]
        ]
        self._methods = {order: weakref.WeakKeyDictionary() for order in ResetOrder}
        self.pid = getpid()
        # Process id and thread of who runs the resets of a process.
        self._running: dict[int, int] = {}
        self._before: list[Callable[[], None]] = []
        self._after_in_parent: list[Callable[[], None]] = []

    def add(self, reset: Callable[[], None], order: ResetOrder) -> None:
        if isinstance(reset, MethodType):
            self._methods[order][reset.__self__] = reset.__func__
        else:
            self._functions[order].append(reset)

    def add_around(
        self, before: Callable[[], None], after_in_parent: Callable[[], None]
    ) -> None:
        self._before.append(before)
        self._after_in_parent.append(after_in_parent)

    def run_before(self) -> None:
        _run_all(reversed(self._before))

    def run_in_parent(self) -> None:
        _run_all(self._after_in_parent)

    def detect(self) -> None:
        """Run the resets in a child of a fork that Python did not notice."""
        pid, me = getpid(), get_ident()
        if self._running.get(pid) == me:
            return  # a reset has come here itself
        # `setdefault` is atomic, so that one of several threads runs them.
        if self._running.setdefault(pid, me) == me and self.pid != pid:
            self.run()
            return
        for _ in range(_MOST_WAITS):
            if self.pid == pid:
                return
            sleep(_WAIT_S)

    def run(self) -> None:
        pid = getpid()
        self._running[pid] = get_ident()  # of a reset that starts a call
        try:
            self._run_in_order()
        finally:
            self.pid = pid
            self._running.clear()

    def _run_in_order(self) -> None:
        reset_all()
        for order in ResetOrder:
            methods = list(self._methods[order].items())
            _run_all(self._functions[order])
            _run_all([partial(method, owner) for owner, method in methods])


def _run_all(functions: Iterable[Callable[[], None]]) -> None:
    for function in functions:
        try:
            function()
        except Exception as fault:  # which the others are not to miss
            PROCESS_ERRORS.note("fork", fault)


_RESETS = _Resets()
# How long a thread of a child waits for another one that runs the resets: a second.
_WAIT_S = 0.001
_MOST_WAITS = 1000


def detect_fork() -> None:
    """Run the resets now, if this process is a child that Python does not know of.

    C code may fork without telling Python: uWSGI does. Called where a call starts (a
    comparison, some 50 ns), and off the paths of calls wherever the state of a parent
    could be taken for the child's own.
    """
    if getpid() != _RESETS.pid:
        _RESETS.detect()


def after_fork(reset: Callable[[], None], order: ResetOrder) -> None:
    """Call *reset* in each forked child.

    Args:
        reset: Function, or method of an object, which is not kept alive by this; one
            of each object in each place.
        order: Its place among the resets.
    """
    _RESETS.add(reset, order)


def around_fork(
    before: Callable[[], None], after_in_parent: Callable[[], None]
) -> None:
    """Call functions in the process that forks, before it does and afterwards."""
    _RESETS.add_around(before, after_in_parent)


if hasattr(os, "register_at_fork"):  # pragma: no branch -- Windows has no fork
    os.register_at_fork(
        before=_RESETS.run_before,
        after_in_parent=_RESETS.run_in_parent,
        after_in_child=_RESETS.run,
    )
