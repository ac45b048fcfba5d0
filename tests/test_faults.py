"""Contained faults are counted always, and logged once per kind."""

from __future__ import annotations

import gc
import logging
import os
import threading

import pytest
from waiting import HANG_S

from bedrock_attrib._runtime.contained_errors import ContainedErrors


def raised(error: Exception) -> Exception:
    """*error* with a traceback."""
    with pytest.raises(type(error)) as caught:
        _raise(error)
    return caught.value


def _raise(error: Exception) -> None:
    raise error


def test_first_of_a_kind_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A kind is a place and a class; the first of each warns, the rest is DEBUG."""
    caplog.set_level(logging.DEBUG, logger="bedrock_attrib")
    faults = ContainedErrors()
    for error in (ValueError("a"), ValueError("b"), KeyError("c")):
        faults.note("reader", raised(error))
    faults.note("sink", raised(ValueError("d")))
    levels = [record.levelno for record in caplog.records]
    assert levels == [
        logging.WARNING,
        logging.DEBUG,
        logging.WARNING,
        logging.WARNING,
    ]
    assert faults.counts() == {"reader": 3, "sink": 1}


def test_message_names_place_not_content(caplog: pytest.LogCaptureFixture) -> None:
    """Class, place and line are told; the error's message may quote a prompt."""
    ContainedErrors().note("reader", raised(ValueError("my secret prompt")))
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("contained ValueError in reader (raised at ")
    assert "test_faults.py:" in message
    assert "the Bedrock call was not affected" in message
    assert "secret" not in caplog.text


def test_error_that_was_never_raised(caplog: pytest.LogCaptureFixture) -> None:
    """An error without a traceback is told without a place in the code."""
    ContainedErrors().note("reader", ValueError())
    assert "(raised at unknown place)" in caplog.text


def test_counts_are_a_copy() -> None:
    """Whoever asks for the counts may keep and change them."""
    faults = ContainedErrors()
    faults.counts()["reader"] = 3
    assert faults.counts() == {}


def test_broken_log_handler_is_contained() -> None:
    """A handler of the application that fails does not undo the barrier."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError(record.msg)

    logger, handler = logging.getLogger("bedrock_attrib"), Broken()
    logger.addHandler(handler)
    faults = ContainedErrors()
    try:
        faults.note("reader", raised(ValueError()))
        faults.note("reader", raised(ValueError()))
    finally:
        logger.removeHandler(handler)
    assert faults.counts() == {"reader": 2}


def test_many_threads() -> None:
    """No fault is lost, however many threads note at once."""
    faults, error = ContainedErrors(), raised(ValueError())

    def note() -> None:
        for _ in range(500):
            faults.note("reader", error)

    threads = [threading.Thread(target=note) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults.counts() == {"reader": 4000}


def test_finalizer_in_the_middle() -> None:
    """A finalizer that notes a fault while one is being noted does not wait."""
    faults = ContainedErrors()

    class Dropped:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            faults.note("finalizer", ValueError())

    class Place(str):
        """Is hashed in the middle of noting."""

        __slots__ = ()

        def __hash__(self) -> int:
            Dropped()
            gc.collect()
            return super().__hash__()

    thread = threading.Thread(
        target=faults.note, args=(Place("reader"), ValueError()), daemon=True
    )
    thread.start()
    thread.join(HANG_S)
    assert not thread.is_alive()
    found = faults.counts()
    assert found["reader"] == 1
    assert found["finalizer"] >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_child_starts_from_nothing() -> None:
    """What was counted before a fork is the parent's."""
    faults = ContainedErrors()
    faults.note("reader", ValueError())
    child = os.fork()
    if child == 0:
        faults.note("sink", ValueError())
        os._exit(0 if faults.counts() == {"sink": 1} else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert faults.counts() == {"reader": 1}
