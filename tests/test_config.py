"""Settings: arguments, then environment, then file, then default; and clear errors."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from bedrock_attrib import (
    Budget,
    ConfigError,
    Recorder,
    TagPolicy,
    configure,
    current_tags,
)
from bedrock_attrib._config import Config
from bedrock_attrib.testing import ListSink


class PolicyOf(TagPolicy):
    """Equal to a policy with a rule for the same tag."""

    def __init__(self, key: str) -> None:
        super().__init__(tags={key: {}})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagPolicy) and [*vars(other)["_tags"]] == [
            *vars(self)["_tags"]
        ]

    __hash__ = TagPolicy.__hash__


DEFAULTS: dict[str, Any] = {
    "tags": {},
    "metrics": True,
    "metric_tags": ("team", "app", "experiment", "environment", "cost_center"),
    "metric_tag_prefix": "bedrock_attrib.",
    "metric_tag_values": 200,
    "metric_series": 1500,
    "histograms": "auto",
    "semconv_opt_in": "",
    "span_cost": False,
    "immediate": False,
    "exit_timeout_s": 5.0,
    "summary": False,
    "abandoned_streams": "estimate",
    "drain_max_s": 30.0,
    "drain_max_events": 20_000,
    "drain_threads": 4,
    "prices": None,
    "price_overrides": None,
    "price_file": None,
    "price_update": "off",
    "ledger": None,
    "policy": None,
    "budgets": (),
    "budget_store": "memory://",
    "budget_store_timeout_s": 0.25,
    "budget_allowances": True,
    "baggage_in": (),
    "baggage_out": (),
    "request_hash_key": None,
}
KEY = "0123456789abcdef" * 2
# Setting: what the environment says, what a file says, what both come to.
SETTINGS: dict[str, tuple[str, str, Any]] = {
    "tags": ("team=search, app=a=b", '{team = "search", app = "a=b"}', {}),
    "metrics": ("false", "false", False),
    "metric_tags": ("team, app,", '["team", "app"]', ("team", "app")),
    "metric_tag_prefix": ("x.", '"x."', "x."),
    "metric_tag_values": ("7", "7", 7),
    "metric_series": ("7", "7", 7),
    "histograms": ("off", "false", False),
    "semconv_opt_in": ("gen_ai", '"gen_ai"', "gen_ai"),
    "span_cost": ("1", "true", True),
    "immediate": ("yes", "true", True),
    "exit_timeout_s": ("2.5", "2.5", 2.5),
    "summary": ("on", "true", True),
    "abandoned_streams": ("drain", '"drain"', "drain"),
    "drain_max_s": ("2.5", "2.5", 2.5),
    "drain_max_events": ("100", "100", 100),
    "drain_threads": ("1", "1", 1),
    "prices": ("p.json", '"p.json"', Path("p.json")),
    "price_overrides": ("o.toml", '"o.toml"', Path("o.toml")),
    "price_file": ("f.json", '"f.json"', Path("f.json")),
    "price_update": ("daily", '"daily"', "daily"),
    "ledger": ("calls.db", '"calls.db"', "calls.db"),
    "policy": ("policy.toml", '"policy.toml"', PolicyOf("team")),
    "budgets": (
        "budgets.toml",
        '[{name = "all", limit_calls = 3}]',
        (Budget("all", limit_calls=3),),
    ),
    "budget_store": ("sqlite:///b.db", '"sqlite:///b.db"', "sqlite:///b.db"),
    "budget_store_timeout_s": ("0.5", "0.5", 0.5),
    "budget_allowances": ("no", "false", False),
    "baggage_in": ("team, app", '["team", "app"]', ("team", "app")),
    "baggage_out": ("team", '["team"]', ("team",)),
    "request_hash_key": (KEY, f'"{KEY}"', SecretStr(KEY)),
}
SETTINGS["tags"] = (*SETTINGS["tags"][:2], {"team": "search", "app": "a=b"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    budget = '[[budgets]]\nname = "all"\nlimit_calls = 3\n'
    (tmp_path / "budgets.toml").write_text(budget, encoding="utf-8")
    (tmp_path / "policy.toml").write_text("[tags.team]\n", encoding="utf-8")
    (tmp_path / "app.toml").write_text("[tags.app]\n", encoding="utf-8")
    other = '[[budgets]]\nname = "other"\nlimit_calls = 1\n'
    (tmp_path / "other.toml").write_text(other, encoding="utf-8")
    return tmp_path


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"BEDROCK_ATTRIB_{name.upper()}"


def write(folder: Path, text: str, name: str = "bedrock_attrib.toml") -> Path:
    """Write a settings file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def error_of(settings: dict[str, Any] | None = None, **environ: str) -> str:
    """The message with which settings are refused."""
    with pytest.raises(ConfigError) as caught:
        Config.load(settings, environ=environ)
    return str(caught.value)


def test_defaults() -> None:
    """Nothing needs to be set."""
    assert dict(Config.load(environ={})) == DEFAULTS


def test_every_setting_is_tested_here() -> None:
    """A new setting comes with what environment and file say of it."""
    assert SETTINGS.keys() == DEFAULTS.keys() == Config.model_fields.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_environment(name: str) -> None:
    """Each setting has a variable."""
    text, _, expected = SETTINGS[name]
    found = Config.load(environ={variable(name): text})
    assert dict(found) == DEFAULTS | {name: expected}


@pytest.mark.parametrize("name", SETTINGS)
def test_file(name: str, folder: Path) -> None:
    """Each setting may stand in the file."""
    _, toml, expected = SETTINGS[name]
    write(folder, f"{name} = {toml}\n")
    assert dict(Config.load(environ={})) == DEFAULTS | {name: expected}


def test_arguments() -> None:
    """Each setting may be an argument, in the types of Python."""
    settings = {
        "tags": {"team": "search"},
        "metrics": False,
        "metric_tags": ["team"],
        "metric_tag_prefix": "",
        "metric_tag_values": 1,
        "metric_series": 1,
        "histograms": True,
        "semconv_opt_in": "x",
        "span_cost": True,
        "immediate": True,
        "exit_timeout_s": 2.5,
        "summary": True,
        "abandoned_streams": "drain",
        "drain_max_s": 2.5,
        "drain_max_events": 100,
        "drain_threads": 1,
        "prices": Path("p.json"),
        "price_overrides": "o.toml",
        "price_file": "f.json",
        "price_update": "daily",
        "ledger": Path("calls.db"),
        "policy": Path("policy.toml"),
        "budgets": [Budget("all", limit_calls=3)],
        "budget_store": "redis://cache",
        "budget_store_timeout_s": 1.0,
        "budget_allowances": False,
        "baggage_in": ["team"],
        "baggage_out": ["app"],
        "request_hash_key": SecretStr(KEY),
    }
    expected = settings | {
        "metric_tags": ("team",),
        "price_overrides": Path("o.toml"),
        "price_file": Path("f.json"),
        "ledger": "calls.db",
        "policy": PolicyOf("team"),
        "budgets": (Budget("all", limit_calls=3),),
        "baggage_in": ("team",),
        "baggage_out": ("app",),
    }
    assert dict(Config.load(settings, environ={})) == expected


@pytest.mark.parametrize("name", SETTINGS)
def test_precedence(name: str, folder: Path) -> None:
    """Arguments win over the environment, and that over the file."""
    text, toml, expected = SETTINGS[name]
    write(folder, f"{name} = {toml}\n")
    other = {
        "tags": {"other": "x"},
        "metric_tags": ("other",),
        "metric_tag_prefix": "other.",
        "metric_tag_values": 9,
        "semconv_opt_in": "other",
        "prices": Path("other"),
        "price_overrides": Path("other"),
        "price_file": Path("other"),
        "price_update": "off",
        "ledger": "other",
        "policy": PolicyOf("app"),
        "budgets": (Budget("other", limit_calls=1),),
        "baggage_in": ("other",),
        "baggage_out": ("other",),
        "request_hash_key": SecretStr("other" * 7),
    }.get(name, DEFAULTS[name])
    assert getattr(Config.load(environ={}), name) == expected
    as_text = {
        "tags": "other=x",
        "policy": "app.toml",
        "budgets": "other.toml",
        "histograms": "auto",
        "request_hash_key": "other" * 7,
    }
    lists = dict.fromkeys(("metric_tags", "baggage_in", "baggage_out"), "other")
    by_environ = {variable(name): (as_text | lists).get(name, str(other))}
    assert getattr(Config.load(environ=by_environ), name) == other
    by_text = {variable(name): text}
    assert getattr(Config.load({name: other}, environ=by_text), name) == other


def test_layers_complete_each_other(folder: Path) -> None:
    """Each setting is taken from the first place that says something of it."""
    write(folder, 'metrics = false\nmetric_tag_values = 3\nmetric_tag_prefix = "f."\n')
    environ = {"BEDROCK_ATTRIB_METRIC_TAG_VALUES": "4", "BEDROCK_ATTRIB_IMMEDIATE": "1"}
    found = Config.load({"immediate": False}, environ=environ)
    expected = {"metrics": False, "metric_tag_values": 4, "metric_tag_prefix": "f."}
    assert dict(found) == DEFAULTS | expected


def test_tags_are_taken_from_one_place(folder: Path) -> None:
    """Tags of a nearer place replace those of a farther one as a whole."""
    write(folder, '[tags]\nteam = "file"\napp = "file"\n')
    found = Config.load(environ={"BEDROCK_ATTRIB_TAGS": "team=env"})
    assert found.tags == {"team": "env"}


# The file.


def test_named_file(folder: Path) -> None:
    """BEDROCK_ATTRIB_CONFIG names another file, which then is the only one."""
    write(folder, "metrics = false\n")
    path = write(folder, "immediate = true\n", "other.toml")
    found = Config.load(environ={"BEDROCK_ATTRIB_CONFIG": str(path)})
    assert dict(found) == DEFAULTS | {"immediate": True}


def test_named_file_is_missing(folder: Path) -> None:
    """A named file must be there; the default one need not."""
    message = error_of(BEDROCK_ATTRIB_CONFIG="missing.toml")
    assert message == "BEDROCK_ATTRIB_CONFIG names missing.toml, which does not exist"
    write(folder, "metrics = false\n")
    assert error_of(BEDROCK_ATTRIB_CONFIG="missing.toml") == message


def test_empty_name_is_none(folder: Path) -> None:
    """An empty BEDROCK_ATTRIB_CONFIG is one that is not set."""
    assert dict(Config.load(environ={"BEDROCK_ATTRIB_CONFIG": ""})) == DEFAULTS
    write(folder, "metrics = false\n")
    assert Config.load(environ={"BEDROCK_ATTRIB_CONFIG": ""}).metrics is False


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"metrics = maybe", "Invalid value"),
        (b"metrics", "Expected '='"),
        (b"\xff\xfe", "'utf-8' codec can't decode"),
    ],
    ids=["bad value", "no TOML", "no UTF-8"],
)
def test_unreadable_file(folder: Path, content: bytes, reason: str) -> None:
    """A file that is no TOML is named, with the place of the fault."""
    (folder / "bedrock_attrib.toml").write_bytes(content)
    message = error_of()
    assert message.startswith(f"cannot read bedrock_attrib.toml: {reason}")


def test_directory_for_a_file(folder: Path) -> None:
    """A directory is no settings file."""
    assert error_of(BEDROCK_ATTRIB_CONFIG=str(folder)).startswith(
        f"cannot read {folder}: "
    )


# Errors name the setting, its origin, and what was expected.

NUMBER = "Input should be greater than or equal to 1, got"
BOOLEAN = "Input should be a valid boolean, unable to interpret input, got"
WRONG: dict[str, tuple[str, str, Any, str]] = {
    "metrics": ("si", '"si"', "si", f"{BOOLEAN} 'si'"),
    "immediate": ("2", '"2"', "2", f"{BOOLEAN} '2'"),
    "metric_tag_prefix": ("", "3", 3, "Input should be a valid string, got 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values(name: str, folder: Path) -> None:
    """The same fault is told of each place, by that place's name."""
    text, toml, value, message = WRONG[name]
    if text:
        found = error_of(None, **{variable(name): text})
        assert found == f"{variable(name)}: {message}"
    assert error_of({name: value}) == f"argument {name}: {message}"
    write(folder, f"{name} = {toml}\n")
    assert error_of() == f"{name} in bedrock_attrib.toml: {message}"


def test_wrong_number() -> None:
    """A cap of distinct values is a whole number from one up."""
    assert error_of({"metric_tag_values": 0}) == (
        f"argument metric_tag_values: {NUMBER} 0"
    )
    assert error_of(BEDROCK_ATTRIB_METRIC_TAG_VALUES="0") == (
        f"BEDROCK_ATTRIB_METRIC_TAG_VALUES: {NUMBER} '0'"
    )
    for text in ("many", "2.5", "-"):
        message = error_of(BEDROCK_ATTRIB_METRIC_TAG_VALUES=text)
        assert message.startswith("BEDROCK_ATTRIB_METRIC_TAG_VALUES: Input should be")
        assert message.endswith(f"got '{text}'")


def test_wrong_histograms() -> None:
    """Histograms are on, off or automatic; both readings are told."""
    message = error_of(BEDROCK_ATTRIB_HISTOGRAMS="maybe")
    assert "BEDROCK_ATTRIB_HISTOGRAMS: Input should be a valid boolean" in message
    assert "BEDROCK_ATTRIB_HISTOGRAMS: Input should be 'auto', got 'maybe'" in message


def test_several_faults_at_once(folder: Path) -> None:
    """All that is wrong is told at once."""
    write(folder, "metric_tag_values = 0\n")
    message = error_of({"metrics": "si"}, BEDROCK_ATTRIB_IMMEDIATE="no!")
    assert sorted(message.split("; ")) == [
        f"BEDROCK_ATTRIB_IMMEDIATE: {BOOLEAN} 'no!'",
        f"argument metrics: {BOOLEAN} 'si'",
        f"metric_tag_values in bedrock_attrib.toml: {NUMBER} 0",
    ]


KNOWN = ", ".join(sorted(DEFAULTS))


def test_unknown_setting(folder: Path) -> None:
    """A setting that there is not is an error, and those that there are are listed."""
    expected = f"no such setting; expected one of {KNOWN}"
    meant = f"no such setting; did you mean metrics? expected one of {KNOWN}"
    assert error_of({"metric": True}) == f"argument metric: {meant}"
    write(folder, "[bedrock_attrib]\nmetrics = false\n")
    assert error_of() == f"bedrock_attrib in bedrock_attrib.toml: {expected}"


def test_unknown_variable(caplog: pytest.LogCaptureFixture) -> None:
    """A variable that sets nothing is told of, as others may own it."""
    environ = {
        "BEDROCK_ATTRIB_METRIC_TAG": "team",
        "BEDROCK_ATTRIB_METRICS": "true",
        "BEDROCK_ATTRIB_CONFIG": "",
        "OTHER": "x",
    }
    assert dict(Config.load(environ=environ)) == DEFAULTS
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (
            logging.WARNING,
            (
                "BEDROCK_ATTRIB_METRIC_TAG: unknown setting; did you mean "
                "BEDROCK_ATTRIB_METRIC_TAGS?"
            ),
        )
    ]


# Lists and pairs.

LISTS = {
    "team": ("team",),
    " team , app ": ("team", "app"),
    "team,,app,": ("team", "app"),
    "": (),
    " , ": (),
}


@pytest.mark.parametrize("text", LISTS)
def test_lists(text: str) -> None:
    """Lists are written with commas; an empty one is a list without items."""
    found = Config.load(environ={"BEDROCK_ATTRIB_METRIC_TAGS": text})
    assert found.metric_tags == LISTS[text]


PAIRS = {
    "team=search": {"team": "search"},
    " team = search , app=web ": {"team": "search", "app": "web"},
    "url=a=b": {"url": "a=b"},
    "team=a,team=b": {"team": "b"},
    "": {},
}


@pytest.mark.parametrize("text", PAIRS)
def test_pairs(text: str) -> None:
    """Tags are written as pairs; the first equals sign parts them."""
    assert Config.load(environ={"BEDROCK_ATTRIB_TAGS": text}).tags == PAIRS[text]


TAG_FAULTS = {
    "team": "BEDROCK_ATTRIB_TAGS holds 'team'; expected pairs such as team=search,",
    "a=b,c": "BEDROCK_ATTRIB_TAGS holds 'c'; expected pairs such as team=search,",
    "=search": "BEDROCK_ATTRIB_TAGS: tag key has 0 characters; expected",
    "team=": "BEDROCK_ATTRIB_TAGS: tag 'team' has 0 characters;",
    "team=a;b": "BEDROCK_ATTRIB_TAGS: tag 'team' contains [';']; allowed",
    f"team={'x' * 257}": "BEDROCK_ATTRIB_TAGS: tag 'team' has 257",
}


@pytest.mark.parametrize("text", TAG_FAULTS, ids=range(len(TAG_FAULTS)))
def test_wrong_tags(text: str) -> None:
    """Default tags are held to what blocks are held to."""
    assert error_of(BEDROCK_ATTRIB_TAGS=text).startswith(TAG_FAULTS[text])


def test_wrong_tag_is_named(folder: Path) -> None:
    """In a table or a list the very item is named."""
    write(folder, "[tags]\nteam = 7\n")
    assert error_of() == (
        "tags in bedrock_attrib.toml (team): Input should be a valid string, got 7"
    )
    settings = {"tags": {"team": "x"}, "metric_tags": ["team", 3]}
    message = "argument metric_tags (1): Input should be a valid string, got 3"
    assert error_of(settings) == message
    settings["metric_tags"] = "team"
    message = (
        "argument metric_tags: expected a list of tags, such as ['team'], got 'team'"
    )
    assert error_of(settings) == message


@pytest.mark.parametrize("name", ["baggage_in", "baggage_out"])
def test_wrong_keys(name: str) -> None:
    """What is to cross as baggage is held to what tags are held to."""
    assert error_of({name: ["team;"]}).startswith(
        f"argument {name}: tag key contains [';']; allowed are letters"
    )
    message = error_of({name: [f"k{number}" for number in range(51)]})
    assert "51 tags given; at most 50 are allowed" in message


# Empty variables.


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - {"metric_tag_prefix"}))
def test_empty_variable(name: str) -> None:
    """An empty variable is one that is not set, or an empty list."""
    found = Config.load(environ={variable(name): ""})
    expected = () if name == "metric_tags" else DEFAULTS[name]
    assert getattr(found, name) == expected


def test_empty_prefix() -> None:
    """An empty prefix is a prefix."""
    found = Config.load(environ={"BEDROCK_ATTRIB_METRIC_TAG_PREFIX": ""})
    assert found.metric_tag_prefix == ""


# OTEL_SEMCONV_STABILITY_OPT_IN.


def test_opt_in(folder: Path) -> None:
    """OpenTelemetry's own variable counts where ours says nothing."""
    otel = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
    expected = "gen_ai_latest_experimental"
    assert Config.load(environ=otel).semconv_opt_in == expected
    ours = otel | {"BEDROCK_ATTRIB_SEMCONV_OPT_IN": "x"}
    assert Config.load(environ=ours).semconv_opt_in == "x"
    settings = {"semconv_opt_in": "argument"}
    assert Config.load(settings, environ=otel).semconv_opt_in == "argument"
    write(folder, 'semconv_opt_in = "file"\n')
    assert Config.load(environ=otel).semconv_opt_in == expected
    assert Config.load(environ={}).semconv_opt_in == "file"


# When settings are read.


def test_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process' environment is read when settings are loaded, and not again."""
    monkeypatch.setenv("BEDROCK_ATTRIB_TAGS", "team=before")
    configure(metrics=False, sinks=(ListSink(),))
    try:
        monkeypatch.setenv("BEDROCK_ATTRIB_TAGS", "team=after")
        assert current_tags() == {"team": "before"}
        configure(metrics=False)
        assert current_tags() == {"team": "after"}
    finally:
        monkeypatch.delenv("BEDROCK_ATTRIB_TAGS")
        configure(metrics=False)


def test_nothing_is_read_at_import(folder: Path) -> None:
    """Importing the package with wrong settings, or a wrong file, is no error."""
    write(folder, "this is no TOML")
    code = "import bedrock_attrib, sys; print('pydantic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "BEDROCK_ATTRIB_METRICS": "si",
            "PYTHONPATH": ":".join(sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n"


def test_settings_do_not_change() -> None:
    """A loaded configuration is frozen."""
    config = Config.load(environ={})
    with pytest.raises(ValidationError):
        config.metrics = False


# The key under which requests are hashed.


@pytest.mark.parametrize("value", ["", " \n", None])
def test_no_key_is_none(value: str | None) -> None:
    """Nothing is hashed without a key, and an empty one is none."""
    assert Config.load({"request_hash_key": value}, environ={}).request_hash_key is None


def test_space_around_a_key_does_not_count() -> None:
    """A secret that was mounted as a file ends with a break of line."""
    found = Config.load(environ={variable("request_hash_key"): f"{KEY}\n"})
    assert found.request_hash_key == SecretStr(KEY)


@pytest.mark.parametrize("value", ["too-short-77", 77_77_77_77, ["too-short-77"]])
def test_a_key_that_is_refused_is_not_told(value: object) -> None:
    """The error says what was expected and where it came from, and never the key."""
    with pytest.raises(ConfigError) as caught:
        Config.load({"request_hash_key": value}, environ={})
    told = "".join(traceback.format_exception(caught.value))
    assert "argument request_hash_key: " in str(caught.value)
    assert [word for word in ("too-short", "77777777") if word in told] == []


def test_a_short_key() -> None:
    """A key that could be guessed protects nothing."""
    assert error_of(BEDROCK_ATTRIB_REQUEST_HASH_KEY="k" * 31) == (
        "BEDROCK_ATTRIB_REQUEST_HASH_KEY: expected a secret of 32 "
        "characters or more, got 31; openssl rand -hex 32 makes one"
    )


def test_a_key_is_not_shown() -> None:
    """Neither the settings nor whoever uses them shows it."""
    config = Config.load({"request_hash_key": KEY}, environ={})
    recorder = Recorder(config=config)
    shown = f"{config!r} {config} {recorder!r}"
    assert KEY not in shown + config.model_dump_json() + repr(vars(recorder))


def test_a_file_that_was_only_found_names_no_server(folder: Path) -> None:
    """A folder could otherwise have passwords of the environment sent to its host."""
    url = "postgresql://meter:s3cret@evil:5/costs"
    path = write(folder, f'ledger = "{url}"\n')
    message = error_of()
    assert "names a server, postgresql://evil:5/costs" in message
    assert "s3cret" not in message
    assert Config.load(environ={"BEDROCK_ATTRIB_CONFIG": str(path)}).ledger == url
    write(folder, 'ledger = "calls.db"\n')
    assert Config.load(environ={}).ledger == "calls.db"


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("redis://:s3cret@evil/0", False),
        ("dynamodb://table?endpoint_url=http://evil", False),
        ("sqlite:///budgets.db", True),
        ("unix:///run/redis.sock", True),
    ],
)
def test_the_store_of_budgets_is_no_other_host(
    folder: Path, url: str, *, is_local: bool
) -> None:
    """The same holds for it."""
    write(folder, f'budget_store = "{url}"\n')
    if is_local:
        assert Config.load(environ={}).budget_store == url
    else:
        message = error_of()
        assert "set BEDROCK_ATTRIB_BUDGET_STORE instead" in message
        assert "s3cret" not in message
