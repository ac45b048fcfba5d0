"""Start of metering in a program of `bedrock-attrib run`, imported by Python itself.

The folder of this file is first on PYTHONPATH, for the program and for every Python
process that it starts. Until the program creates a client of bedrock-runtime, only this
file is imported; then metering is switched on for that client and all later ones.

It runs in any Python that runs the program, so it needs nothing else, and it must not
break the program.
"""

from __future__ import annotations

import atexit
import os
import sys

MYPY = False
if MYPY:  # the import takes longer than all the rest together
    from typing import Any

_EVENT = "creating-client-class.bedrock-runtime"
_ID = "bedrock-attrib-run"
_written: set[str] = set()


def _warn(text: str) -> None:
    if text not in _written:
        _written.add(text)
        try:
            sys.stderr.write("bedrock-attrib: " + text + "\n")
        except Exception:  # noqa: S110 -- no stderr, and no import for it
            pass


def _switch_on(session: Any) -> None:
    """Meter the clients of *session*, including the one that is being created."""
    try:
        from bedrock_attrib._instrument.instrument import (  # noqa: PLC0415 -- now it is needed
            instrument_from_outside,
        )

        instrument_from_outside(session)
    except Exception as error:
        where = sys.executable or "this Python"
        _warn("calls of " + where + " are not metered: " + str(error))


def _watch_session(session: Any) -> None:
    """Wait for the first client of bedrock-runtime."""
    try:
        session.get_component("event_emitter").register_first(
            _EVENT, lambda **_: _switch_on(session), _ID
        )
    except Exception as error:
        _warn("calls of a session are not metered: " + str(error))


def _watch_botocore(botocore: Any) -> None:
    try:
        botocore.register_initializer(_watch_session)
    except Exception as error:
        _warn("calls are not metered, as botocore is too old: " + str(error))


class _Finder:
    """A finder that delegates to the others, and learns when botocore is imported.

    botocore is not imported here, as the program may still change where it comes from.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "botocore":
            return None
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            if finder is self or find_spec is None:
                continue
            spec = find_spec(name, path, target)
            if spec is not None:
                self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader: Any) -> None:
        def exec_module(module: Any) -> None:
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                _watch_botocore(module)

        try:
            execute = loader.exec_module
            loader.exec_module = exec_module
        except Exception as error:
            _warn("calls are not metered: " + str(error))


def _is_summary_wanted() -> bool:
    """Return whether this is the program itself, which has the command's process id."""
    return os.environ.get("_BEDROCK_ATTRIB_SUMMARY_OF") == str(os.getpid())


def _report_no_calls() -> None:
    """Report that no calls were seen, if no summary was written."""
    if not _is_summary_wanted():
        return  # a forked child
    summary = sys.modules.get("bedrock_attrib._exit_summary")
    if summary is None or not summary.SUMMARY.has_written:
        _warn("no Bedrock calls (process " + str(os.getpid()) + ")")


def _run_hidden_sitecustomize() -> None:
    """Import the sitecustomize that this one hides, as Python would."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401, PLC0415 -- another's
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)


if "botocore" in sys.modules:
    _watch_botocore(sys.modules["botocore"])
else:
    sys.meta_path.insert(0, _Finder())
if _is_summary_wanted():
    atexit.register(_report_no_calls)
_run_hidden_sitecustomize()
