"""litellm, which calls Bedrock with httpx of its own: metered by its event hooks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import Reply, Simulator, tokens

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # asks no other host
litellm = pytest.importorskip("litellm", reason="litellm is missing")
handlers = pytest.importorskip("litellm.llms.custom_httpx.http_handler")

MESSAGES = [{"role": "user", "content": QUESTION}]
STREAMED = {
    "Converse": "ConverseStream",
    "InvokeModel": "InvokeModelWithResponseStream",
}
ROUTES = [
    pytest.param("bedrock/", "Converse", id="converse"),
    pytest.param("bedrock/invoke/", "InvokeModel", id="invoke"),
]


@pytest.fixture(autouse=True)
def _address(endpoint: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """litellm does not look where boto3 looks."""
    monkeypatch.setenv("AWS_BEDROCK_RUNTIME_ENDPOINT", endpoint.endpoint_url)
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")


@pytest.fixture
def http() -> Iterator[Any]:
    """What litellm calls a client, with its httpx client instrumented."""
    handler = handlers.HTTPHandler()
    instrument(handler.client)
    yield handler
    handler.close()


@pytest.mark.parametrize(("route", "operation"), ROUTES)
def test_plain(
    records: list[CallRecord], http: Any, route: str, operation: str
) -> None:
    """One question is one record."""
    with attribution(team="search") as spend:
        answer = litellm.completion(
            model=f"{route}{SONNET}", messages=MESSAGES, client=http
        )
    assert answer.choices[0].message.content == ANSWER
    assert seen(records) == [(operation, "priced", {"team": "search"})]
    assert spend.calls == 1


@pytest.mark.parametrize(("route", "operation"), ROUTES)
def test_stream(
    records: list[CallRecord], http: Any, route: str, operation: str
) -> None:
    """A stream is one record."""
    with attribution(team="search"):
        stream = litellm.completion(
            model=f"{route}{SONNET}", messages=MESSAGES, stream=True, client=http
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == ANSWER
    assert seen(records) == [(STREAMED[operation], "priced", {"team": "search"})]


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_tools(
    asks_tool: Simulator, records: list[CallRecord], http: Any, *, streaming: bool
) -> None:
    """A tool that is asked for arrives whole, and is metered once."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "description": "", "parameters": parameters}
    with attribution(team="search"):
        answer = litellm.completion(
            model=f"bedrock/{SONNET}",
            messages=MESSAGES,
            tools=[{"type": "function", "function": function}],
            stream=streaming,
            client=http,
        )
        if streaming:
            answer = litellm.stream_chunk_builder(list(answer))
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == (
        "weather",
        '{"city": "Oslo"}',
    )
    operation = "ConverseStream" if streaming else "Converse"
    assert seen(records) == [(operation, "priced", {"team": "search"})]


def test_embedding(endpoint: Simulator, records: list[CallRecord], http: Any) -> None:
    """An embedding is one record, priced by its input."""
    endpoint.reply(Reply(usage=tokens(input_tokens=7)))
    litellm.embedding(
        model="bedrock/amazon.titan-embed-text-v2:0", input=["one"], client=http
    )
    assert [(r.operation, r.usage, r.price_status) for r in records] == [
        ("InvokeModel", tokens(input_tokens=7), "priced")
    ]


def test_async(records: list[CallRecord]) -> None:
    """Calls at once keep their tags apart, streamed or not, though by aiohttp."""

    async def ask(http: Any, team: str) -> None:
        asked = {"model": f"bedrock/{SONNET}", "messages": MESSAGES, "client": http}
        with attribution(team=team):
            await litellm.acompletion(**asked)
            stream = await litellm.acompletion(**asked, stream=True)
            assert [chunk async for chunk in stream]

    async def main() -> None:
        handler = handlers.AsyncHTTPHandler()
        instrument(handler.client)
        await asyncio.gather(*(ask(handler, f"team-{n}") for n in range(5)))
        await handler.close()

    asyncio.run(main())
    assert sorted(seen(records), key=str) == [
        (operation, "priced", {"team": f"team-{number}"})
        for operation in ("Converse", "ConverseStream")
        for number in range(5)
    ]


@pytest.mark.parametrize(("route", "operation"), ROUTES)
def test_a_refusal_is_not_retried(
    endpoint: Simulator,
    records: list[CallRecord],
    http: Any,
    route: str,
    operation: str,
) -> None:
    """It reaches the application, and nothing more is sent."""
    with attribution(limit_calls=0):
        refused_once(
            lambda: litellm.completion(
                model=f"{route}{SONNET}", messages=MESSAGES, client=http
            ),
            records,
        )
    assert endpoint.requests == []
