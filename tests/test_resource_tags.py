"""Default tags from OpenTelemetry's resource attributes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from bedrock_attrib import attribution, configure, current_tags

APP = {"OTEL_SERVICE_NAME": "ranker"}


@pytest.fixture(autouse=True)
def _other_recorder_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A default recorder with nothing of these tests is left to the others."""
    yield
    monkeypatch.undo()
    configure()


def tags(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> dict[str, str]:
    """Tags of a call outside any block, with *variables* in the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    configure(metrics=False)
    return dict(current_tags())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        (APP, {"app": "ranker"}),
        (
            {
                "OTEL_RESOURCE_ATTRIBUTES": (
                    "service.name=shop, deployment.environment.name=pre%2Dprod,x=y"
                )
            },
            {"app": "shop", "environment": "pre-prod"},
        ),
        (
            {
                "OTEL_RESOURCE_ATTRIBUTES": (
                    "deployment.environment.name=new,deployment.environment=old"
                )
            },
            {"environment": "new"},
        ),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop"} | APP, {"app": "ranker"}),
        ({"BEDROCK_ATTRIB_TAGS": "app=own"} | APP, {"app": "own"}),
        ({"OTEL_SERVICE_NAME": "unknown_service:python"}, {}),
        ({"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": ",=,service.name="}, {}),
    ],
)
def test_the_environment_names_app_and_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: dict[str, str]
) -> None:
    """Newer names and more specific variables win; a setting wins over all."""
    assert tags(monkeypatch, variables) == expected


def test_a_block_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block sets another value or removes the tag."""
    tags(monkeypatch, APP)
    with attribution(app="own"):
        assert dict(current_tags()) == {"app": "own"}
    with attribution(app=None):
        assert dict(current_tags()) == {}


def test_a_name_that_is_no_tag_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It neither fails the application nor becomes a tag; the log says why."""
    assert tags(monkeypatch, {"OTEL_SERVICE_NAME": "<ranker>"}) == {}
    (message,) = caplog.messages
    assert message.startswith("OpenTelemetry's service.name is no default tag: tag")


def test_the_resource_of_a_meter_provider_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A provider that is handed over names the service, unless it has no name."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ranker")
    configure(meter_provider=MeterProvider(resource=Resource({"service.name": "own"})))
    assert dict(current_tags()) == {"app": "own"}
    nameless = Resource({"service.name": "unknown_service"})
    configure(meter_provider=MeterProvider(resource=nameless))
    assert dict(current_tags()) == {"app": "ranker"}


def test_the_resource_of_the_provider_wins_over_the_environment() -> None:
    """What the application set in code is what its traces show."""
    code = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from bedrock_attrib import current_tags, get_recorder

trace.set_tracer_provider(TracerProvider(resource=Resource({"service.name": "coded"})))
get_recorder()
print(dict(current_tags()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env=APP | {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod"},
        text=True,
    )
    assert done.stdout == "{'app': 'coded', 'environment': 'prod'}\n"
