"""Settings: arguments, environment, file and defaults, in this order."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
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
from ._runtime.public_address import public_address
from .errors import ConfigError

_PREFIX = "BEDROCK_ATTRIB_"
_FILE = "bedrock_attrib.toml"
_SHORTEST_KEY = 32
_SECRETS = frozenset({"request_hash_key"})
_LOCAL = ("memory://", "sqlite://", "unix://")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Config(BaseModel):
    """Settings of a recorder.

    Each is taken from an argument, else from ``BEDROCK_ATTRIB_*`` in the environment,
    else from ``bedrock_attrib.toml`` in the working directory (or the file that
    ``BEDROCK_ATTRIB_CONFIG`` names), else from its default. Settings are read once.

    In the environment, lists are comma-separated (``team,app``) and tags are pairs
    (``team=search,app=ranker``). An empty variable counts as not set, except where it
    means an empty list, no tags or no prefix.
    """

    # Our own messages show the input, except secrets; pydantic's would show all.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tags: dict[str, str] = Field(
        default_factory=dict,
        description="Default tags of every call.",
    )
    metrics: bool = Field(
        default=True, description="Whether to emit OpenTelemetry metrics."
    )
    metric_tags: tuple[str, ...] = Field(
        default=("team", "app", "experiment", "environment", "cost_center"),
        description="Tags that become metric attributes.",
    )
    metric_tag_prefix: str = Field(
        default="bedrock_attrib.",
        description="Prefix of the metric attribute of a tag.",
    )
    metric_tag_values: int = Field(
        default=200,
        ge=1,
        description="Maximum number of values per tag on metrics; further values "
        "become _other.",
    )
    metric_series: int = Field(
        default=1500,
        ge=1,
        description="Maximum number of attribute sets on any metric; further sets lose "
        "their tag values.",
    )
    histograms: bool | Literal["auto"] = Field(
        default="auto",
        description="Whether to emit the histograms of the GenAI conventions; auto "
        "omits them if another instrumentation of Bedrock emits them.",
    )
    semconv_opt_in: str = Field(
        default="",
        description="Names of the GenAI conventions: gen_ai_latest_experimental for "
        "the newer ones, gen_ai_latest_experimental/dup for both.",
    )
    span_cost: bool = Field(
        default=False, description="Whether to put the cost on the current span."
    )
    immediate: bool = Field(
        default=False,
        description="Whether each call waits until the recorder's thread has recorded "
        "it, instead of being recorded within a second.",
    )
    exit_timeout_s: float = Field(
        default=5.0,
        ge=0,
        allow_inf_nan=False,
        description="Maximum seconds for which the exit of the process waits for sinks "
        "and the ledger; what is left then is lost and counted.",
    )
    summary: bool = Field(
        default=False,
        description="Whether a process that made calls writes a summary line to stderr "
        "at exit: number of calls, cost, calls without a price.",
    )
    abandoned_streams: Literal["estimate", "drain"] = Field(
        default="estimate",
        description="What to do with abandoned streams: estimate their usage, or drain "
        "them, that is, read the rest in the background.",
    )
    drain_max_s: float = Field(
        default=30.0,
        gt=0,
        allow_inf_nan=False,
        description="Maximum seconds for which an abandoned stream is drained.",
    )
    drain_max_events: int = Field(
        default=20_000,
        ge=1,
        description="Maximum events that are drained from one stream.",
    )
    drain_threads: int = Field(
        default=4, ge=1, description="Number of streams that are drained at a time."
    )
    prices: Path | None = Field(
        default=None, description="Price file to use instead of the bundled table."
    )
    price_overrides: Path | None = Field(
        default=None,
        description="Price file (TOML or JSON) that takes precedence over the table.",
    )
    price_file: Path | None = Field(
        default=None,
        description="Price file that bedrock-attrib prices update writes (JSON). It "
        "takes precedence over the table, and is not needed to be there.",
    )
    price_update: Literal["off", "daily"] = Field(
        default="off",
        description="Whether to fetch AWS's public price list once a day in the "
        "background, into price_file or a file in the user's cache folder.",
    )
    ledger: str | None = Field(
        default=None,
        description="Ledger in which the default recorder stores every call: a SQLite "
        "file or a postgresql:// URL.",
    )
    policy: Any = Field(
        default=None,
        description="Tag policy that calls are checked against: a TOML file, or a "
        "TagPolicy.",
    )
    budgets: tuple[Any, ...] = Field(
        default=(),
        description="Budgets that calls are checked against: a TOML file, or a list.",
    )
    budget_store: str = Field(
        default="memory://",
        description="Where budgets are counted: memory://, sqlite:///PATH, redis://…, "
        "dynamodb://TABLE?region=….",
    )
    budget_store_timeout_s: float = Field(
        default=0.25,
        gt=0,
        allow_inf_nan=False,
        description="Maximum seconds for which a call waits for the store of budgets.",
    )
    budget_allowances: bool = Field(
        default=True,
        description="Whether a process takes parts of a shared budget ahead of need, "
        "so that most calls need no round trip to the store.",
    )
    baggage_in: tuple[str, ...] = Field(
        default=(),
        description="Tags that calls take from incoming W3C baggage, which is not "
        "trusted.",
    )
    baggage_out: tuple[str, ...] = Field(
        default=(),
        description="Tags that are sent as W3C baggage, to every host that is called.",
    )
    request_hash_key: SecretStr | None = Field(
        default=None,
        description="Secret of 32 characters or more with which requests are hashed, "
        "so that reports find identical ones.",
    )

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        check_tags(tags)
        return tags

    @field_validator("metric_tags", "baggage_in", "baggage_out", mode="before")
    @classmethod
    def _check_list(cls, tags: object) -> object:
        if isinstance(tags, str):
            raise ConfigError(f"expected a list of tags, such as [{tags!r}]")
        return tags

    @field_validator("ledger", mode="before")
    @classmethod
    def _name_of(cls, ledger: object) -> object:
        return os.fspath(ledger) if isinstance(ledger, os.PathLike) else ledger

    @field_validator("policy", mode="before")
    @classmethod
    def _read_policy(cls, given: object) -> object:
        if given is None:
            return None
        # Only those who have a policy pay for the import.
        from .policy import TagPolicy  # noqa: PLC0415

        if isinstance(given, (str, Path)):
            return TagPolicy.load(given)
        if isinstance(given, TagPolicy):
            return given
        raise ConfigError("expected the path of a TOML file, or a TagPolicy")

    @field_validator("budgets", mode="before")
    @classmethod
    def _read_budgets(cls, given: object) -> object:
        # Only those who have budgets pay for the import.
        from .budgets.files import budgets_from  # noqa: PLC0415

        return budgets_from(given) if given else ()

    @field_validator("request_hash_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        # A mounted secret often ends with a line break.
        text = "" if key is None else key.get_secret_value().strip()
        if not text:
            return None
        if len(text) < _SHORTEST_KEY:
            raise ConfigError(
                f"expected a secret of {_SHORTEST_KEY} characters or more, got "
                f"{len(text)}; openssl rand -hex 32 makes one"
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
        """Load the settings from arguments, environment and file.

        Args:
            settings: Arguments, which take precedence.
            environ: Environment; None for the process' own.

        Raises:
            ConfigError: If a setting is unknown or invalid; names the setting, its
                origin, and what was expected.
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
    """Return the origin of each setting that is not a default: a variable or a file.

    Args:
        environ: Environment; None for the process' own.

    Raises:
        ConfigError: If the file cannot be read, or a variable is invalid.
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
    if not named:
        for name in ("ledger", "budget_store"):
            _refuse_other_host(name, content.get(name), path)
    return {name: (value, f"{name} in {path}") for name, value in content.items()}


def _refuse_other_host(name: str, url: object, path: Path) -> None:
    """Raise if a file that nobody named sends the ledger or budgets to a host.

    Whoever can write to a folder could otherwise have the password of the environment,
    or of ``~/.pgpass``, sent to a host of theirs by anything that is started there.
    """
    if isinstance(url, str) and _URL.match(url) and not url.startswith(_LOCAL):
        raise ConfigError(
            f"{name} in {path} names a server, {public_address(url)}, and the file "
            f"was only found in the working directory; set {_PREFIX}{name.upper()} "
            f"instead, or name the file: {_PREFIX}CONFIG={path}"
        )


def _from_environment(environ: Mapping[str, str], fields: Mapping[str, Any]) -> Layer:
    found: Layer = {}
    for name in fields:
        variable = f"{_PREFIX}{name.upper()}"
        text = environ.get(variable)
        # An empty variable counts as not set, unless emptiness has a meaning.
        if text or (text is not None and name in _MAY_BE_EMPTY):
            found[name] = (_SPLIT.get(name, _as_is)(text, variable), variable)
    _warn_of_unknown(environ, fields)
    opt_in = environ.get(_OPT_IN)
    if opt_in is not None and "semconv_opt_in" not in found:
        found["semconv_opt_in"] = (opt_in, _OPT_IN)
    return found


def _warn_of_unknown(environ: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    """Warn of variables that set nothing; they may be misspelled."""
    known = {f"{_PREFIX}{name.upper()}" for name in (*fields, "config")}
    for variable in sorted(environ.keys() - known):
        if variable.startswith(_PREFIX):
            name = variable.removeprefix(_PREFIX).lower()
            meant = _did_you_mean(name, fields, prefix=_PREFIX)
            hint = f"; {meant.removesuffix(' ')}" if meant else ""
            logger.warning("%s: unknown setting%s", variable, hint)


def _did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a question that ends with a space; empty if nothing is similar."""
    similar = get_close_matches(name, known, n=1, cutoff=0.7)
    if not similar:
        return ""
    shown = f"{prefix}{similar[0].upper()}" if prefix else similar[0]
    return f"did you mean {shown}? "


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
            meant = _did_you_mean(name, fields)
            lines.append(f"{origin}: no such setting; {meant}expected one of {known}")
        else:
            where = f" ({inner[0]})" if inner and name in _SPLIT else ""
            given = "" if name in _SECRETS else f", got {_shown(problem['input'])}"
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{origin}{where}: {message}{given}")
    return "; ".join(lines)


def _shown(value: object) -> str:
    return repr(public_address(value) if isinstance(value, str) else value)


def without_secrets(variable: str, value: str) -> str:
    """Return *value* of an environment *variable* without secrets."""
    if variable.removeprefix(_PREFIX).lower() in _SECRETS:
        return "***"
    return public_address(value)
