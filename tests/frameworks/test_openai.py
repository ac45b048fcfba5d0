"""openai's client at Bedrock's endpoints, which uses httpx: metered by its hooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from frameworks import ANSWER, QUESTION, refused_once, seen

from bedrock_attrib import CallRecord, attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import Reply, Simulator, tokens

openai = pytest.importorskip("openai", reason="openai is missing")

MODEL = "openai.gpt-5.6-luna"
MESSAGES = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
BASES = [
    pytest.param("/openai/v1", id="runtime"),
    pytest.param("/v1", id="mantle"),
]


def client(endpoint: Simulator, base: str = "/openai/v1") -> Any:
    """The client as an application makes it, but for one call of ours."""
    return openai.OpenAI(
        api_key="simulated",
        base_url=f"{endpoint.endpoint_url}{base}",
        max_retries=0,
        http_client=instrument(
            openai.DefaultHttpxClient(),
            endpoint_url=endpoint.endpoint_url,
            region="us-east-1",
        ),
    )


@pytest.mark.parametrize("base", BASES)
def test_plain(endpoint: Simulator, records: list[CallRecord], base: str) -> None:
    """One question is one record."""
    with attribution(team="search") as spend, client(endpoint, base) as bedrock:
        answer = bedrock.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == ANSWER
    assert seen(records) == [("ChatCompletions", "priced", {"team": "search"})]
    assert spend.calls == 1


@pytest.mark.parametrize("base", BASES)
def test_stream(endpoint: Simulator, records: list[CallRecord], base: str) -> None:
    """A stream that was asked for its usage is one record, with the right counts."""
    with attribution(team="search"), client(endpoint, base) as bedrock:
        stream = bedrock.chat.completions.create(
            model=MODEL,
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
        )
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert text == ANSWER
    assert seen(records) == [("ChatCompletions", "priced", {"team": "search"})]


def test_a_stream_that_tells_no_usage(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """Unless it is asked for, a stream tells no usage: it is estimated, and said so."""
    with client(endpoint) as bedrock:
        list(
            bedrock.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        )
    (record,) = records
    assert (record.outcome, record.price_status) == ("ok", "estimated")


def test_tools(asks_tool: Simulator, records: list[CallRecord]) -> None:
    """A tool that is asked for arrives whole, and is metered once."""
    tool = {"type": "function", "function": {"name": "weather"}}
    tool["function"] |= {"parameters": PARAMETERS}
    with attribution(team="search"), client(asks_tool) as bedrock:
        answer = bedrock.chat.completions.create(
            model=MODEL, messages=MESSAGES, tools=[tool]
        )
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == (
        "weather",
        '{"city": "Oslo"}',
    )
    assert seen(records) == [("ChatCompletions", "priced", {"team": "search"})]


@pytest.mark.parametrize("base", BASES)
def test_responses(endpoint: Simulator, records: list[CallRecord], base: str) -> None:
    """The Responses API is metered, plain and streamed, cached input apart."""
    usage = tokens(input_tokens=1200, output_tokens=540, cache_read_tokens=100)
    endpoint.reply(Reply(text=ANSWER, usage=usage))
    with attribution(team="search"), client(endpoint, base) as bedrock:
        answer = bedrock.responses.create(model=MODEL, input=QUESTION)
        with bedrock.responses.stream(model=MODEL, input=QUESTION) as stream:
            streamed = stream.get_final_response()
    assert answer.output_text == streamed.output_text == ANSWER
    assert answer.usage.input_tokens == 1300  # as OpenAI counts
    assert [(r.operation, r.usage, r.price_status) for r in records] == [
        ("Responses", usage, "priced")
    ] * 2


def test_streamed_tools_of_responses(
    asks_tool: Simulator, records: list[CallRecord]
) -> None:
    """A tool that is asked for in a stream arrives whole, and is metered once."""
    tool = {"type": "function", "name": "weather", "parameters": PARAMETERS}
    with (
        attribution(team="search"),
        client(asks_tool) as bedrock,
        bedrock.responses.stream(
            model=MODEL, input=QUESTION, tools=[tool | {"strict": False}]
        ) as stream,
    ):
        (call,) = stream.get_final_response().output
    assert (call.name, call.arguments) == ("weather", '{"city": "Oslo"}')
    assert seen(records) == [("Responses", "priced", {"team": "search"})]


def test_async(endpoint: Simulator, records: list[CallRecord]) -> None:
    """Calls at once keep their tags apart, streamed or not."""

    async def ask(bedrock: Any, team: str) -> None:
        with attribution(team=team):
            await bedrock.chat.completions.create(model=MODEL, messages=MESSAGES)
            async with bedrock.responses.stream(model=MODEL, input=QUESTION) as stream:
                assert (await stream.get_final_response()).output_text == ANSWER

    async def main() -> None:
        async with openai.AsyncOpenAI(
            api_key="simulated",
            base_url=f"{endpoint.endpoint_url}/openai/v1",
            http_client=instrument(
                openai.DefaultAsyncHttpxClient(),
                endpoint_url=endpoint.endpoint_url,
                region="us-east-1",
            ),
        ) as bedrock:
            await asyncio.gather(*(ask(bedrock, f"team-{n}") for n in range(5)))

    asyncio.run(main())
    assert sorted(seen(records), key=str) == [
        (operation, "priced", {"team": f"team-{number}"})
        for operation in ("ChatCompletions", "Responses")
        for number in range(5)
    ]


def test_a_refusal_is_not_retried(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """It reaches the application, and nothing more is sent."""
    with attribution(limit_calls=0), client(endpoint) as bedrock:
        refused_once(
            lambda: bedrock.chat.completions.create(model=MODEL, messages=MESSAGES),
            records,
        )
    assert endpoint.requests == []
