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
_BY_HTTPX = ("anthropic", "litellm", "openai")
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


class _Loader:
    """The loader of botocore, until botocore is imported.

    The loader itself may be another agent's, or be shared, so it is left as it is.
    """

    def __init__(self, loader: Any, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        try:
            module.__spec__.loader = module.__loader__ = self._loader
        except Exception:  # noqa: S110 -- then it keeps this one, which does the same
            pass
        self._loader.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _watch_botocore(module)


class _Finder:
    """A finder that delegates to the others, and learns when botocore is imported.

    botocore is not imported here, as the program may still change where it comes from.
    """

    _is_asking = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        # The finder of another agent may ask all finders in turn, this one included.
        if name != "botocore" or self._is_asking:
            return None
        self._is_asking = True
        try:
            spec = self._spec_of_others(name, path, target)
        finally:
            self._is_asking = False
        if spec is None:
            return None
        if hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self)
        else:
            _warn("calls are not metered: botocore has a loader of an old kind")
        return spec

    def _spec_of_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec is not None:
                spec = find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


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
    _report_unseen()


def _report_unseen() -> None:
    """Name loaded clients that may call Bedrock by httpx, which is not metered here."""
    if "httpx" not in sys.modules or "bedrock_attrib.httpx" in sys.modules:
        return
    found = [name for name in _BY_HTTPX if name in sys.modules]
    if found:
        _warn(
            "calls of Bedrock by " + ", ".join(found) + ", if there were any, are not "
            "seen, as they go by httpx; bedrock_attrib.httpx meters its clients"
        )


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
