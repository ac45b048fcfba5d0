"""What can be set, from where, and what a wrong setting says."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from ._attribution import check_tags
from ._runtime.contained_errors import logger
from .errors import ConfigError

_PREFIX = "BEDROCK_ATTRIB_"
_FILE = "bedrock_attrib.toml"
_SHORTEST_KEY = 32
_SECRETS = frozenset({"request_hash_key"})
# In the address of a database, as a URL or as words: user:password@ and password=.
_PASSWORD = re.compile(
    r"(?<=://)([^:/@\s]*):\S*(?=@)|(\bpassword=)[^&\s]*", re.IGNORECASE
)


class Config(BaseModel):
    """Settings of a recorder.

    Taken from arguments, then from ``BEDROCK_ATTRIB_*`` in the environment, then from
    ``bedrock_attrib.toml`` in the working directory (or the file that
    ``BEDROCK_ATTRIB_CONFIG`` names), then from the defaults here. Read once.

    In the environment, lists are written with commas (``team,app``) and tags as pairs
    (``team=search,app=ranker``); an empty variable counts as not set, except where it
    means an empty list, no tags or no prefix.

    Attributes:
        tags: Tags of calls that no block attributes otherwise.
        metrics: Whether to emit OpenTelemetry metrics.
        metric_tags: Tags that become metric attributes; the others do not.
        metric_tag_prefix: Put before a tag's key to make its attribute.
        metric_tag_values: Distinct values of a tag on metrics; more become ``_other``.
        histograms: Whether to emit the GenAI conventions' histograms; ``auto`` leaves
            them out beside another instrumentation of Bedrock that emits them.
        semconv_opt_in: Value of ``OTEL_SEMCONV_STABILITY_OPT_IN``;
            ``gen_ai_latest_experimental`` selects the newer names,
            ``gen_ai_latest_experimental/dup`` both.
        span_cost: Whether to put the cost on the current span.
        immediate: Whether a call is settled, and sinks are told, on the caller's thread
            before it returns, rather than within a second on the recorder's own.
        summary: Whether a process that made calls writes a line on stderr at its end:
            how many, what they cost, how many have no price.
        abandoned_streams: What to do about a stream whose caller stopped: ``estimate``
            what it used, or ``drain`` it, that is, read the rest in the background.
        drain_max_s: Seconds for which an abandoned stream is read on at most.
        drain_max_events: Events that are read on of one stream at most.
        drain_threads: Abandoned streams that are read on at a time.
        prices: Price file to use instead of the bundled table.
        price_overrides: Price file (TOML or JSON) whose rows come before the table's.
        ledger: Where the default recorder keeps every call: a SQLite file, or the URL
            of another store; None to keep none.
        baggage_in: Tags that calls may take from W3C baggage, which strangers write.
        baggage_out: Tags that are sent on as W3C baggage, to whomever it goes.
        request_hash_key: Secret of 32 characters or more under which the request of
            each call is hashed, so that reports find requests that were made again;
            None to hash none.
    """

    # Ours show what was given, but for secrets; pydantic's own messages would show all.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tags: dict[str, str] = Field(default_factory=dict)
    metrics: bool = True
    metric_tags: tuple[str, ...] = (
        "team",
        "app",
        "experiment",
        "environment",
        "cost_center",
    )
    metric_tag_prefix: str = "bedrock_attrib."
    metric_tag_values: int = Field(default=200, ge=1)
    histograms: bool | Literal["auto"] = "auto"
    semconv_opt_in: str = ""
    span_cost: bool = False
    immediate: bool = False
    summary: bool = False
    abandoned_streams: Literal["estimate", "drain"] = "estimate"
    drain_max_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    drain_max_events: int = Field(default=20_000, ge=1)
    drain_threads: int = Field(default=4, ge=1)
    prices: Path | None = None
    price_overrides: Path | None = None
    ledger: str | None = None
    baggage_in: tuple[str, ...] = ()
    baggage_out: tuple[str, ...] = ()
    request_hash_key: SecretStr | None = None

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        check_tags(tags)
        return tags

    @field_validator("ledger", mode="before")
    @classmethod
    def _name_of(cls, ledger: object) -> object:
        return os.fspath(ledger) if isinstance(ledger, os.PathLike) else ledger

    @field_validator("request_hash_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        # A file that a secret is mounted as often ends with a break of line.
        text = "" if key is None else key.get_secret_value().strip()
        if not text:
            return None
        if len(text) < _SHORTEST_KEY:
            raise ConfigError(
                f"expected a secret of {_SHORTEST_KEY} characters or more, such as "
                f"openssl rand -hex 32 makes, got {len(text)}"
            )
        return SecretStr(text)

    @field_validator("baggage_in", "baggage_out")
    @classmethod
    def _check_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        check_tags(dict.fromkeys(keys))
        return keys

    @classmethod
    def load(
        cls,
        settings: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Gather settings from arguments, environment and file.

        Args:
            settings: Arguments, which win.
            environ: Environment; None for the process' own.

        Raises:
            ConfigError: If a setting is unknown or wrong; names the setting, where it
                came from, and what was expected.
        """
        environ = os.environ if environ is None else environ
        layers = (
            _from_file(environ),
            _from_environment(environ, cls.model_fields),
            {
                name: (value, f"argument {name}")
                for name, value in (settings or {}).items()
            },
        )
        merged = {name: found for layer in layers for name, found in layer.items()}
        values = {name: value for name, (value, _) in merged.items()}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(error, merged, cls.model_fields)) from error


def origins(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Where each setting that is no default comes from: a variable, or a file's line.

    Args:
        environ: Environment; None for the process' own.

    Raises:
        ConfigError: If the file cannot be read, or a variable is not as expected.
    """
    environ = os.environ if environ is None else environ
    layers = _from_file(environ), _from_environment(environ, Config.model_fields)
    return {name: origin for layer in layers for name, (_, origin) in layer.items()}


Layer = dict[str, tuple[Any, str]]


def _from_file(environ: Mapping[str, str]) -> Layer:
    named = environ.get(f"{_PREFIX}CONFIG")
    path = Path(named or _FILE)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not named:
            return {}
        raise ConfigError(
            f"{_PREFIX}CONFIG names {path}, which does not exist"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return {name: (value, f"{name} in {path}") for name, value in content.items()}


def _from_environment(environ: Mapping[str, str], fields: Mapping[str, Any]) -> Layer:
    found: Layer = {}
    for name in fields:
        variable = f"{_PREFIX}{name.upper()}"
        text = environ.get(variable)
        # An empty variable is one that is not set, unless nothing can be meant.
        if text or (text is not None and name in _MAY_BE_EMPTY):
            found[name] = (_SPLIT.get(name, _as_is)(text, variable), variable)
    _warn_of_unknown(environ, fields)
    opt_in = environ.get(_OPT_IN)
    if opt_in is not None and "semconv_opt_in" not in found:
        found["semconv_opt_in"] = (opt_in, _OPT_IN)
    return found


def _warn_of_unknown(environ: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    """Tell of variables that set nothing, as a misspelt one; others may own them."""
    known = {f"{_PREFIX}{name.upper()}" for name in (*fields, "config")}
    for variable in sorted(environ.keys() - known):
        if variable.startswith(_PREFIX):
            logger.warning("%s is no setting of bedrock_attrib", variable)


def _as_is(text: str, _variable: str) -> str:
    return text


def _split_list(text: str, _variable: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _split_pairs(text: str, variable: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _split_list(text, variable)]
    for key, equals, _ in pairs:
        if not equals:
            raise ConfigError(
                f"{variable} holds {key!r}; expected pairs such as team=search,app=web"
            )
    return {key.strip(): value.strip() for key, _, value in pairs}


_SPLIT = {
    "tags": _split_pairs,
    "metric_tags": _split_list,
    "baggage_in": _split_list,
    "baggage_out": _split_list,
}
_MAY_BE_EMPTY = frozenset({*_SPLIT, "metric_tag_prefix"})
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


def _explain(error: ValidationError, merged: Layer, fields: Mapping[str, Any]) -> str:
    lines = []
    for problem in error.errors():
        name, *inner = map(str, problem["loc"])
        origin = merged[name][1] if name in merged else name
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(fields))
            lines.append(f"{origin}: no such setting; expected one of {known}")
        else:
            where = f" ({inner[0]})" if inner and name in _SPLIT else ""
            given = "" if name in _SECRETS else f", got {problem['input']!r}"
            lines.append(f"{origin}{where}: {problem['msg']}{given}")
    return "; ".join(lines)


def without_secrets(variable: str, value: str) -> str:
    """*value* of an environment *variable* as it may be shown."""
    if variable.removeprefix(_PREFIX).lower() in _SECRETS:
        return "***"
    return _PASSWORD.sub(
        lambda found: f"{found[2]}***" if found[2] else f"{found[1]}:***", value
    )
