"""strands-agents: each step of an agent's loop is metered once, with its tags."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution, instrument
from bedrock_attrib.testing import Simulator

strands = pytest.importorskip("strands", reason="strands-agents is missing")
BedrockModel = pytest.importorskip("strands.models").BedrockModel

STREAMS = [
    pytest.param(True, "ConverseStream", id="stream"),
    pytest.param(False, "Converse", id="plain"),
]


@strands.tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def agent(model: Any) -> Any:
    """An agent that knows one tool and prints nothing."""
    return strands.Agent(model=model, tools=[weather], callback_handler=None)


@pytest.mark.parametrize(("streaming", "operation"), STREAMS)
def test_plain(
    endpoint: Simulator,
    everything: list[CallRecord],
    operation: str,
    *,
    streaming: bool,
) -> None:
    """One question is one record, though strands asks it in another thread."""
    model = BedrockModel(model_id=SONNET, streaming=streaming)
    with attribution(team="search") as spend:
        assert str(agent(model)(QUESTION)).strip() == ANSWER
    assert seen(everything) == [(operation, "priced", {"team": "search"})]
    assert spend.calls == 1


@pytest.mark.parametrize(("streaming", "operation"), STREAMS)
def test_tools(
    asks_tool: Simulator,
    everything: list[CallRecord],
    operation: str,
    *,
    streaming: bool,
) -> None:
    """The step that asks for a tool and the one after it are a record each."""
    model = BedrockModel(model_id=SONNET, streaming=streaming)
    with attribution(team="search"):
        result = agent(model)(QUESTION)
    assert str(result).strip() == ANSWER
    assert result.metrics.tool_metrics["weather"].success_count == 1
    assert seen(everything) == [(operation, "priced", {"team": "search"})] * 2


def test_async(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """Agents that work at once keep their tags apart."""

    async def ask(team: str) -> None:
        with attribution(team=team):
            await agent(BedrockModel(model_id=SONNET)).invoke_async(QUESTION)

    async def main() -> None:
        await asyncio.gather(*(ask(f"team-{number}") for number in range(5)))

    asyncio.run(main())
    assert sorted(seen(everything), key=str) == [
        ("ConverseStream", "priced", {"team": f"team-{number}"}) for number in range(5)
    ]


def test_async_stream(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """Events that are streamed to the caller change nothing in the record."""

    async def main() -> str:
        with attribution(team="search"):
            events = agent(BedrockModel(model_id=SONNET)).stream_async(QUESTION)
            return "".join([event.get("data", "") async for event in events])

    assert asyncio.run(main()) == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


def test_a_session_that_is_passed_in(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """Only the session is instrumented, and the framework is given it."""
    session = instrument(boto3.Session())
    with attribution(team="search"):
        agent(BedrockModel(model_id=SONNET, boto_session=session))(QUESTION)
    assert seen(records) == [("ConverseStream", "priced", {"team": "search"})]


@pytest.mark.parametrize(("streaming", "operation"), STREAMS)
def test_a_refusal_ends_the_loop(
    asks_tool: Simulator,
    everything: list[CallRecord],
    operation: str,
    *,
    streaming: bool,
) -> None:
    """An agent stops at the limit of its block, in the middle of its work."""
    model = BedrockModel(model_id=SONNET, streaming=streaming)
    with attribution(limit_calls=1):
        refused_once(lambda: agent(model)(QUESTION), everything)
    assert len(asks_tool.requests) == 1
