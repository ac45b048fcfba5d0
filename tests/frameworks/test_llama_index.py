"""llama-index: calls of BedrockConverse are metered once, with their tags."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution, instrument
from bedrock_attrib.testing import Simulator

BedrockConverse = pytest.importorskip(
    "llama_index.llms.bedrock_converse",
    reason="llama-index-llms-bedrock-converse is missing",
).BedrockConverse
FunctionTool = pytest.importorskip("llama_index.core.tools").FunctionTool
ChatMessage = pytest.importorskip("llama_index.core.llms").ChatMessage


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def llm(**settings: Any) -> Any:
    """The model as an application makes it."""
    return BedrockConverse(model=SONNET, region_name="us-east-1", **settings)


def test_plain(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """One question is one record."""
    with attribution(team="search") as spend:
        assert llm().complete(QUESTION).text == ANSWER
    assert seen(everything) == [("Converse", "priced", {"team": "search"})]
    assert spend.calls == 1


def test_stream(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """A stream is one record, with the tags of the block that began it."""
    with attribution(team="search"):
        stream = llm().stream_chat([ChatMessage(QUESTION)])
        first = next(stream)
    text = "".join(response.delta for response in [first, *stream])
    assert text == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


def test_tools(asks_tool: Simulator, everything: list[CallRecord]) -> None:
    """The question and the answer after a tool are one record each."""
    tool = FunctionTool.from_defaults(weather)
    with attribution(team="search"):
        response = llm().predict_and_call([tool], user_msg=QUESTION)
        llm().complete(QUESTION)
    assert str(response) == "rain in Oslo"
    assert seen(everything) == [("Converse", "priced", {"team": "search"})] * 2


def test_streamed_tools(asks_tool: Simulator, everything: list[CallRecord]) -> None:
    """A tool that is asked for in a stream arrives whole, and is metered once."""
    tool = FunctionTool.from_defaults(weather)
    model = llm()
    with attribution(team="search"):
        *_, last = model.stream_chat_with_tools([tool], user_msg=QUESTION)
    (call,) = model.get_tool_calls_from_response(last)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Oslo"})
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


def test_a_client_that_is_passed_in(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """Only the client is instrumented, and the framework is given it."""
    client = instrument(boto3.client("bedrock-runtime"))
    with attribution(team="search"):
        llm(client=client).complete(QUESTION)
    assert seen(records) == [("Converse", "priced", {"team": "search"})]


def test_async(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """With aioboto3, each call makes a client of its own, and is metered once."""
    pytest.importorskip("aioboto3", reason="aioboto3 is missing")
    pytest.importorskip(
        "bedrock_attrib._instrument.async_streams",
        reason="no async door in this version",
    )

    async def ask(team: str) -> None:
        with attribution(team=team):
            await llm().acomplete(QUESTION)

    async def main() -> None:
        await asyncio.gather(*(ask(f"team-{number}") for number in range(5)))

    asyncio.run(main())
    assert sorted(seen(everything), key=str) == [
        ("Converse", "priced", {"team": f"team-{number}"}) for number in range(5)
    ]


def test_async_stream(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """An async stream is one record too."""
    pytest.importorskip("aioboto3", reason="aioboto3 is missing")
    pytest.importorskip(
        "bedrock_attrib._instrument.async_streams",
        reason="no async door in this version",
    )

    async def main() -> str:
        with attribution(team="search"):
            stream = await llm().astream_chat([ChatMessage(QUESTION)])
            return "".join([response.delta async for response in stream])

    assert asyncio.run(main()) == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


def test_a_refusal_is_not_retried(
    endpoint: Simulator, everything: list[CallRecord]
) -> None:
    """It reaches the application, and nothing more is sent."""
    with attribution(limit_calls=0):
        refused_once(lambda: llm().complete(QUESTION), everything)
    assert endpoint.requests == []
