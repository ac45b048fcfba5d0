"""langchain-aws: every way of calling Bedrock is metered once, with its tags."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from frameworks import ANSWER, NOVA, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution, instrument
from bedrock_attrib.testing import InferenceProfile, Reply, Simulator, tokens

langchain_aws = pytest.importorskip("langchain_aws", reason="langchain-aws is missing")
tool = pytest.importorskip("langchain_core.tools").tool


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def chats() -> list[Any]:
    """A chat model of each kind, by Converse and by InvokeModel."""
    return [
        pytest.param(langchain_aws.ChatBedrockConverse, "Converse", id="converse"),
        pytest.param(langchain_aws.ChatBedrock, "InvokeModel", id="invoke"),
    ]


STREAMED = {
    "Converse": "ConverseStream",
    "InvokeModel": "InvokeModelWithResponseStream",
}


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_plain(
    endpoint: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """One question is one record."""
    model = chat(model=SONNET)
    with attribution(team="search") as spend:
        assert model.invoke(QUESTION).content == ANSWER
    assert seen(everything) == [(operation, "priced", {"team": "search"})]
    assert spend.calls == 1
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_stream(
    endpoint: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """A stream is one record, with the tags of the block that began it."""
    model = chat(model=SONNET)
    with attribution(team="search"):
        stream = model.stream(QUESTION)
        first = next(stream)
    text = "".join(str(chunk.text) for chunk in [first, *stream])
    assert text == ANSWER
    assert seen(everything) == [(STREAMED[operation], "priced", {"team": "search"})]


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_tools(
    asks_tool: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """The question and the answer after a tool are one record each."""
    model = chat(model=SONNET).bind_tools([weather])
    with attribution(team="search"):
        asked = model.invoke(QUESTION)
        (call,) = asked.tool_calls
        told = weather.invoke(call)
        answer = model.invoke([QUESTION, asked, told])
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    assert answer.content == ANSWER
    assert seen(everything) == [(operation, "priced", {"team": "search"})] * 2


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_streamed_tools(
    asks_tool: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """A tool that is asked for in a stream arrives whole, and is metered once."""
    model = chat(model=SONNET).bind_tools([weather])
    with attribution(team="search"):
        chunks = list(model.stream(QUESTION))
    asked = chunks[0]
    for chunk in chunks[1:]:
        asked += chunk
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    assert seen(everything) == [(STREAMED[operation], "priced", {"team": "search"})]


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_async(
    endpoint: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """Tags follow calls into the threads that langchain makes them in."""
    model = chat(model=SONNET)

    async def ask(team: str) -> None:
        with attribution(team=team):
            await model.ainvoke(QUESTION)

    async def main() -> None:
        await asyncio.gather(*(ask(f"team-{number}") for number in range(5)))

    asyncio.run(main())
    assert sorted(seen(everything), key=str) == [
        (operation, "priced", {"team": f"team-{number}"}) for number in range(5)
    ]


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_async_stream(
    endpoint: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """An async stream is one record too."""
    model = chat(model=SONNET)

    async def main() -> str:
        with attribution(team="search"):
            chunks = [chunk async for chunk in model.astream(QUESTION)]
        return "".join(str(chunk.text) for chunk in chunks)

    assert asyncio.run(main()) == ANSWER
    assert seen(everything) == [(STREAMED[operation], "priced", {"team": "search"})]


@pytest.mark.parametrize("how", ["plain", "async"])
def test_embeddings(
    endpoint: Simulator, everything: list[CallRecord], how: str
) -> None:
    """Each text of BedrockEmbeddings is a call, priced by its input."""
    endpoint.reply(Reply(usage=tokens(input_tokens=7)))
    embeddings = langchain_aws.BedrockEmbeddings(
        model_id="amazon.titan-embed-text-v2:0"
    )
    with attribution(team="search") as spend:
        if how == "plain":
            embeddings.embed_documents(["one", "two"])
        else:
            asyncio.run(embeddings.aembed_documents(["one", "two"]))
    assert [(r.operation, r.usage) for r in everything] == [
        ("InvokeModel", tokens(input_tokens=7)),
        ("InvokeModel", tokens(input_tokens=7)),
    ]
    assert (spend.calls, spend.unpriced_calls) == (2, 0)


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_a_client_that_is_passed_in(
    endpoint: Simulator, records: list[CallRecord], chat: Any, operation: str
) -> None:
    """Only the client is instrumented, and the framework is given it."""
    client = instrument(boto3.client("bedrock-runtime"))
    model = chat(model=SONNET, client=client)
    with attribution(team="search"):
        model.invoke(QUESTION)
        list(model.stream(QUESTION))
    assert seen(records) == [
        (operation, "priced", {"team": "search"}),
        (STREAMED[operation], "priced", {"team": "search"}),
    ]


def test_an_application_profile(
    endpoint: Simulator, everything: list[CallRecord]
) -> None:
    """The look-up of a profile, which langchain makes first, is no record."""
    profile = InferenceProfile(
        arn="arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
        model_arns=(f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA[3:]}",),
    )
    endpoint.add_profile(profile)
    model = langchain_aws.ChatBedrockConverse(model=profile.arn, provider="amazon")
    model.invoke(QUESTION)
    (record,) = everything
    assert record.model.kind == "application_inference_profile"


@pytest.mark.parametrize(("chat", "operation"), chats())
def test_a_refusal_is_not_retried(
    endpoint: Simulator, everything: list[CallRecord], chat: Any, operation: str
) -> None:
    """It reaches the application, and nothing more is sent."""
    model = chat(model=SONNET)
    with attribution(limit_calls=1):
        model.invoke(QUESTION)
        refused_once(lambda: model.invoke(QUESTION), everything)
    assert len(endpoint.requests) == 1
