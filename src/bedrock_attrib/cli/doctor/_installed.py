"""Checks of Python, packages, extras and other instrumentations."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from ._findings import Finding, State

_PYTHON = "Python"
_PACKAGES = "packages"
_EXTRAS = "extras"
_NEIGHBOURS = "neighbours"

_NEEDED = (
    "bedrock-attrib",
    "boto3",
    "botocore",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "pydantic",
)
# Extra, a module that it brings, its distribution, and its purpose.
_OPTIONAL = (
    ("cli", "click", "click", "this command"),
    (
        "demo",
        "opentelemetry.exporter.prometheus",
        "opentelemetry-exporter-prometheus",
        "bedrock-attrib demo",
    ),
    ("aio", "aiobotocore", "aiobotocore", "async clients"),
    ("celery", "celery", "celery", "tags of Celery's tasks"),
    ("rq", "rq", "rq", "tags of RQ's jobs"),
    (
        "otlp",
        "opentelemetry.exporter.otlp.proto.http",
        "opentelemetry-exporter-otlp-proto-http",
        "export with OTLP",
    ),
    (
        "prometheus",
        "opentelemetry.exporter.prometheus",
        "opentelemetry-exporter-prometheus",
        "Prometheus",
    ),
    ("reports", "pyarrow", "pyarrow", "Parquet files"),
    ("postgres", "psycopg", "psycopg", "a ledger in PostgreSQL"),
    ("redis", "redis", "redis", "budgets in Redis"),
    (
        "instrumentor",
        "opentelemetry.instrumentation.instrumentor",
        "opentelemetry-instrumentation",
        "programs started by opentelemetry-instrument",
    ),
)
# Instrumentations that `metrics` recognizes, by distribution.
_OTHERS = (
    "opentelemetry-instrumentation-botocore",
    "opentelemetry-instrumentation-genai-bedrock",
    "opentelemetry-instrumentation-bedrock",
    "openlit",
)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def examine_python() -> Iterator[Finding]:
    """Report the Python version; one that is too old cannot run this."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding(_PYTHON, State.OK, f"{name} at {sys.executable}")


def examine_packages() -> Iterator[Finding]:
    """Report the versions of required packages."""
    for name in _NEEDED:
        found = _version(name)
        if found is not None:
            yield Finding(_PACKAGES, State.OK, f"{name} {found}")
        elif name == _NEEDED[0]:
            yield Finding(
                _PACKAGES,
                State.NOTE,
                f"{name} runs from a folder of sources and is not installed",
                "Install it, so that its version is known: pip install -e .",
            )
        else:
            yield Finding(
                _PACKAGES,
                State.PROBLEM,
                f"{name} is not installed",
                "Install it with its dependencies: pip install bedrock-attrib",
            )


def examine_extras() -> Iterator[Finding]:
    """Report the installed extras."""
    for extra, module, distribution, purpose in _OPTIONAL:
        if _has(module):
            found = _version(distribution) or "of unknown version"
            what = f"{extra}: {distribution} {found}"
            yield Finding(_EXTRAS, State.OK, what)
        else:
            yield Finding(
                _EXTRAS,
                State.NOTE,
                f"{extra}: not installed (for {purpose})",
                f"If you need it: pip install 'bedrock-attrib[{extra}]'",
            )


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # pragma: no cover -- no package of the same parent is there
        return False


def examine_neighbours() -> Iterator[Finding]:
    """Report other instrumentations of Bedrock that may emit the same metrics."""
    found = [name for name in _OTHERS if _version(name) is not None]
    for name in found:
        yield Finding(
            _NEIGHBOURS,
            State.NOTE,
            f"{name} {_version(name)} may emit the GenAI metrics for the same calls",
            "Nothing while the setting `histograms` is auto: once the other "
            "instrumentation is active, it alone emits the histograms.",
        )
    if not found:
        what = "no other instrumentation of Bedrock is installed"
        yield Finding(_NEIGHBOURS, State.OK, what)
