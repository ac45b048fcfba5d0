"""Checks of settings, prices, metrics and AWS."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.metrics import get_meter_provider

from ..._config import Config, origins
from ..._default_recorder import price_file_of
from ..._model.formatting import counted
from ..._runtime.contained_errors import logger
from ..._runtime.public_address import public_address, without_addresses
from ...errors import ConfigError
from ...pricing import PriceTable
from ._findings import Finding, State

_SETTINGS = "settings"
_PRICES = "prices"
_METRICS = "metrics"
_AWS = "AWS"
_OLD_DAYS = 60
# The password in a URL.
# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
# and those of opentelemetry-instrument, checked 2026-11-25.
_OTEL_VARIABLES = (
    "OTEL_METRICS_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_SERVICE_NAME",
)
_PLACEHOLDERS = frozenset({"_ProxyMeterProvider", "NoOpMeterProvider"})


class _Captured(logging.Handler):
    """Log messages of the library, which would go to stderr otherwise."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store a message."""
        self.messages.append(record.getMessage())


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    captured = _Captured()
    logger.addHandler(captured)
    try:
        yield captured.messages
    finally:
        logger.removeHandler(captured)


def load_settings() -> Config | None:
    """Load the settings; None if they are invalid."""
    with _captured_log():
        try:
            return Config.load()
        except ConfigError:
            return None


def examine_settings() -> Iterator[Finding]:
    """Report the settings, and where each comes from."""
    with _captured_log() as messages:
        try:
            config = Config.load()
            found = origins()
        except ConfigError as error:
            yield Finding(
                _SETTINGS,
                State.PROBLEM,
                without_addresses(str(error)),
                "Correct it; until then nothing can be instrumented. "
                "Settings: docs/reference/settings.md",
            )
            return
    for message in dict.fromkeys(messages):
        yield Finding(
            _SETTINGS,
            State.WARNING,
            message,
            "Correct the name, or unset the variable.",
        )
    for name, origin in sorted(found.items()):
        value = public_address(str(getattr(config, name)))
        yield Finding(_SETTINGS, State.OK, f"{name} = {value} (from {origin})")
    if not found:
        yield Finding(
            _SETTINGS,
            State.OK,
            "all defaults (no bedrock_attrib.toml in "
            f"{Path.cwd()}, no BEDROCK_ATTRIB_* in the environment)",
        )


def examine_prices(config: Config | None) -> Iterator[Finding]:
    """Check that prices can be read, and report their age."""
    chosen = None if config is None else config.prices
    name = "the bundled table" if chosen is None else str(chosen)
    try:
        table = PriceTable.bundled() if chosen is None else PriceTable.load(chosen)
    except ConfigError as error:
        step = "Check the file: bedrock-attrib prices check FILE"
        yield Finding(_PRICES, State.PROBLEM, str(error), step)
        return
    if config is not None and (path := price_file_of(config)) is not None:
        table, finding = _with_price_file(table, path)
        yield finding
    days = max(0, table.age(datetime.now(UTC)).days)
    what = (
        f"{name}: {len(table.model_ids):,} models, gathered {table.generated_on}, "
        f"{counted(days, 'day')} ago"
    )
    if days > _OLD_DAYS:
        yield Finding(
            _PRICES,
            State.WARNING,
            what,
            "AWS may have changed prices. Fetch AWS's price list: bedrock-attrib "
            "prices update",
        )
    else:
        yield Finding(_PRICES, State.OK, what)
    if config is not None and config.price_overrides is not None:
        yield _overrides(table, config.price_overrides)


def _with_price_file(table: PriceTable, path: Path) -> tuple[PriceTable, Finding]:
    step = "Fetch AWS's price list into it: bedrock-attrib prices update"
    if not path.exists():
        text = f"price file {path} is not there yet; the table is used without it"
        return table, Finding(_PRICES, State.WARNING, text, step)
    try:
        newer = table.with_list(PriceTable.load(path))
    except ConfigError as error:
        return table, Finding(_PRICES, State.PROBLEM, str(error), step)
    return newer, Finding(_PRICES, State.OK, f"price file {path} takes precedence")


def _overrides(table: PriceTable, path: Path) -> Finding:
    step = f"Check the file: bedrock-attrib prices check {path}"
    try:
        _, doubts = table.checked_overrides(path)
    except ConfigError as error:
        return Finding(_PRICES, State.PROBLEM, str(error), step)
    if doubts:
        return Finding(_PRICES, State.WARNING, "; ".join(doubts), step)
    return Finding(_PRICES, State.OK, f"overrides from {path} take precedence")


def examine_metrics(config: Config | None) -> Iterator[Finding]:
    """Check whether metrics are exported, as far as this process shows."""
    if config is not None and not config.metrics:
        step = "To emit them, set metrics = true."
        yield Finding(_METRICS, State.NOTE, "disabled by the settings", step)
        return
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            _METRICS,
            State.WARNING,
            "OTEL_SDK_DISABLED is true: OpenTelemetry emits nothing",
            "Unset OTEL_SDK_DISABLED where metrics are wanted.",
        )
        return
    provider = type(get_meter_provider()).__name__
    if provider not in _PLACEHOLDERS:
        yield Finding(_METRICS, State.OK, f"a meter provider is set: {provider}")
    else:
        yield Finding(
            _METRICS,
            State.NOTE,
            "no meter provider is set in this process; your application may set one",
            "Set one in your application, or start it with opentelemetry-instrument: "
            "docs/how-to/otlp.md, docs/how-to/prometheus.md",
        )
    for name in _OTEL_VARIABLES:
        if os.environ.get(name):
            value = public_address(os.environ[name])
            yield Finding(_METRICS, State.OK, f"{name} = {value}")


def examine_aws() -> Iterator[Finding]:
    """Report the AWS region. Credentials are not read."""
    region = os.environ.get("AWS_DEFAULT_REGION")
    unread = os.environ.get("AWS_REGION")
    if region:
        yield Finding(_AWS, State.OK, f"region {region}, from AWS_DEFAULT_REGION")
    elif unread:
        # botocore 1.44.5, configprovider.py, reads AWS_DEFAULT_REGION alone. Checked
        # 2026-12-01.
        yield Finding(
            _AWS,
            State.NOTE,
            f"AWS_REGION is {unread}, which boto3 does not read",
            f"If clients fail with NoRegionError: set AWS_DEFAULT_REGION={unread}, or "
            f"pass region_name to boto3.",
        )
    else:
        yield Finding(
            _AWS,
            State.NOTE,
            "no region in the environment; a profile or your code may set one",
            "If clients fail with NoRegionError: set AWS_DEFAULT_REGION, or pass "
            "region_name to boto3.",
        )
    yield Finding(
        _AWS,
        State.OK,
        "credentials were not read, and nothing was sent over the network",
    )
