"""pydantic-ai: each request of an agent's run is metered once, with its tags.

Since version 2 it streams every answer, even where the caller waits for the whole.
"""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from botocore.exceptions import InvalidEndpointConfigurationError
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution, instrument
from bedrock_attrib.testing import Simulator

pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is missing")
BedrockConverseModel = pytest.importorskip(
    "pydantic_ai.models.bedrock", reason="pydantic-ai's extra bedrock is missing"
).BedrockConverseModel
BedrockProvider = pytest.importorskip("pydantic_ai.providers.bedrock").BedrockProvider


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def agent(**settings: Any) -> Any:
    """An agent that knows one tool."""
    model = BedrockConverseModel(SONNET, **settings)
    return pydantic_ai.Agent(model, tools=[weather])


def test_plain(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """One question is one record."""
    with attribution(team="search") as spend:
        assert agent().run_sync(QUESTION).output == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]
    assert spend.calls == 1


def test_tools(asks_tool: Simulator, everything: list[CallRecord]) -> None:
    """The request that asks for a tool and the one after it are a record each."""
    with attribution(team="search"):
        result = agent().run_sync(QUESTION)
    assert result.output == ANSWER
    assert (result.usage.tool_calls, result.usage.requests) == (1, 2)
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})] * 2


def test_async(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """Agents that work at once keep their tags apart."""

    async def ask(team: str) -> None:
        with attribution(team=team):
            await agent().run(QUESTION)

    async def main() -> None:
        await asyncio.gather(*(ask(f"team-{number}") for number in range(5)))

    asyncio.run(main())
    assert sorted(seen(everything), key=str) == [
        ("ConverseStream", "priced", {"team": f"team-{number}"}) for number in range(5)
    ]


def test_stream(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """A stream is one record."""

    async def main() -> str:
        with attribution(team="search"):
            async with agent().run_stream(QUESTION) as result:
                return await result.get_output()

    assert asyncio.run(main()) == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


def test_streamed_tools(asks_tool: Simulator, everything: list[CallRecord]) -> None:
    """With streams, the step before a tool and the one after it are a record each."""

    async def main() -> str:
        with attribution(team="search"):
            async with agent().run_stream(QUESTION) as result:
                return await result.get_output()

    assert asyncio.run(main()) == ANSWER
    record = ("ConverseStream", "priced", {"team": "search"})
    assert seen(everything) == [record] * 2


def test_an_api_key(
    endpoint: Simulator, everything: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pydantic-ai's own kind of session, which it makes for API keys, is metered too.

    The call fails before it is sent, as botocore sends no API key over plain HTTP.
    """
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "simulated")
    with (
        attribution(team="search"),
        pytest.raises(InvalidEndpointConfigurationError),
    ):
        agent().run_sync(QUESTION)
    (record,) = everything
    assert record.error == "InvalidEndpointConfigurationError"
    assert record.price_status == "free"
    assert dict(record.tags) == {"team": "search"}


def test_a_client_that_is_passed_in(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """Only the client is instrumented, and the framework is given it."""
    client = instrument(boto3.client("bedrock-runtime"))
    with attribution(team="search"):
        agent(provider=BedrockProvider(bedrock_client=client)).run_sync(QUESTION)
    assert seen(records) == [("ConverseStream", "priced", {"team": "search"})]


def test_a_refusal_ends_the_loop(
    asks_tool: Simulator, everything: list[CallRecord]
) -> None:
    """An agent stops at the limit of its block, in the middle of its work."""
    with attribution(limit_calls=1):
        refused_once(lambda: agent().run_sync(QUESTION), everything)
    assert len(asks_tool.requests) == 1
