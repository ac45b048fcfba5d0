"""Default tags from OpenTelemetry's resource: which service this is, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import unquote

from opentelemetry import metrics, trace

from ._attribution import check_tags
from ._runtime.contained_errors import logger
from .errors import ConfigError
from .metrics._otel_internals import resource_attributes

# Attributes of OpenTelemetry's semantic conventions 1.37, the newer name last. Checked
# 2026-12-01: https://opentelemetry.io/docs/specs/semconv/resource/
_TAG_OF = {
    "service.name": "app",
    "deployment.environment": "environment",
    "deployment.environment.name": "environment",
}
# What the SDK calls a service without a name, followed by that of its program.
_UNKNOWN = "unknown_service"


def resource_tags(
    environ: Mapping[str, str], meter_provider: object = None
) -> dict[str, str]:
    """Return the tags ``app`` and ``environment`` as far as OpenTelemetry knows them.

    From the resources of providers that are set by now, else from
    ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES``. A value that is not allowed
    as a tag is left out and logged.

    Args:
        environ: Environment of the process.
        meter_provider: Meter provider of the recorder; None for the global one.
    """
    attributes = _from_environment(environ)
    providers: tuple[Callable[[], object], ...] = (
        metrics.get_meter_provider,
        trace.get_tracer_provider,
        lambda: meter_provider,
    )
    for provider in providers:
        with suppress(Exception):  # providers of others may be anything
            attributes |= {
                name: value
                for name, value in resource_attributes(provider()).items()
                if name in _TAG_OF and not str(value).startswith(_UNKNOWN)
            }
    tags: dict[str, str] = {}
    for name, tag in _TAG_OF.items():
        value = attributes.get(name)
        if not isinstance(value, str) or not value or value.startswith(_UNKNOWN):
            continue
        try:
            check_tags({tag: value})
        except ConfigError as error:
            logger.warning("OpenTelemetry's %s is no default tag: %s", name, error)
        else:
            tags[tag] = value
    return tags


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    pairs = environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    parts = [pair.partition("=") for pair in pairs]
    found: dict[str, object] = {
        name.strip(): unquote(value.strip()) for name, _, value in parts
    }
    if service := environ.get("OTEL_SERVICE_NAME", "").strip():
        found["service.name"] = service
    return found
