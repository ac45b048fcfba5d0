"""Interrupts: exceptions that a signal handler of the application raised.

Python runs signal handlers on the main thread, in the middle of anything. What one
raises, as time limits of jobs do, is for the application, wherever it strikes: a
barrier that contains errors of ours, of a sink or of a guard must let it pass.
"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import CodeType, TracebackType
from typing import Any

from .threads import get_ident


def is_interrupt(error: BaseException) -> bool:
    """Return whether a signal handler that is set now raised *error*.

    Looked at when something was contained only: some 20 µs.
    """
    if get_ident() != threading.main_thread().ident:
        return False  # a sink has called the same function
    handlers = _codes_of_handlers()
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None and handlers:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _codes_of_handlers() -> set[CodeType]:
    """Return the code of each signal handler that is written in Python."""
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = None
        with suppress(ValueError, OSError):
            handler = signal.getsignal(number)
        while hasattr(handler, "func"):  # functools.partial
            handler = handler.func
        if callable(handler):
            # Of a function or method; or of the class whose object is called.
            for each in (handler, vars(type(handler)).get("__call__")):
                code = getattr(each, "__code__", None)
                if isinstance(code, CodeType):
                    found.add(code)
    return found
