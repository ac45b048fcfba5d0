"""OpenTelemetry instrumentor, found by `opentelemetry-instrument`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.metrics import MeterProvider

from ._default_recorder import configure, get_recorder, has_recorder
from ._instrument.instrument import instrument_from_outside, uninstrument
from ._recording.recorder import Recorder
from ._runtime.contained_errors import logger
from ._runtime.public_address import without_addresses
from .errors import BedrockAttribError, ConfigError, MissingExtraError

try:
    from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]  # not in its __all__
        BaseInstrumentor,
    )
except ModuleNotFoundError as error:
    raise MissingExtraError("instrumentor", "opentelemetry-instrumentation") from error


class BedrockAttribInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # older releases carry no types
    """Meters every Bedrock runtime call of the process, as `instrument()` does.

    `opentelemetry-instrument` finds it by its entry point, ``bedrock_attrib``; no code
    is needed. It works with any other instrumentor, in any order, because it replaces
    no function of botocore. Settings are those of `configure()`: environment and file.
    Clients that the application instruments with its own recorder use that one.

    Example:
        >>> BedrockAttribInstrumentor().instrument()  # doctest: +SKIP
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the required version of botocore."""
        return ("botocore >= 1.40.61",)

    def instrument(self, **kwargs: Any) -> None:
        """Meter everything from now on.

        Args:
            **kwargs: ``meter_provider`` receives the metrics; default: the global
                provider. With ``skip_dep_check``, which `opentelemetry-instrument`
                passes, every error is logged, because an exception would keep it
                from loading other instrumentors. Others are ignored.

        Raises:
            ConfigError: If a setting is invalid, or a default recorder exists, whose
                provider cannot be changed.
        """
        is_automatic = bool(kwargs.get("skip_dep_check"))
        try:
            super().instrument(**kwargs)
        except Exception as error:
            if not is_automatic:
                raise
            why = str(error) if isinstance(error, BedrockAttribError) else repr(error)
            logger.error("Bedrock calls are not metered: %s", without_addresses(why))

    def _instrument(self, **kwargs: Any) -> None:
        provider: MeterProvider | None = kwargs.get("meter_provider")
        if provider is not None:
            self._use_provider(provider)
        instrument_from_outside()

    def _uninstrument(self, **_kwargs: Any) -> None:
        uninstrument()

    def _use_provider(self, provider: MeterProvider) -> None:
        if has_recorder() and get_recorder() is not _made.recorder:
            raise ConfigError(
                "there is a default recorder already, so meter_provider comes too "
                "late; give it to configure() instead"
            )
        _made.recorder = configure(meter_provider=provider)


class _Made:
    """Default recorder created here, which may be replaced."""

    recorder: Recorder | None = None


_made = _Made()
