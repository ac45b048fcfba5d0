"""Meter an async client: tasks with their own tags, and an abandoned stream."""

import asyncio
from typing import Any

from aiobotocore.session import get_session

from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib.testing import ListSink, Reply, bedrock_simulator

MICRO = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which of these fits best?"}]}]


async def ask(bedrock: Any, team: str) -> None:
    """Ask one question for *team*."""
    with attribution(team=team):
        await bedrock.converse(modelId=MICRO, messages=MESSAGES)


async def read(bedrock: Any) -> None:
    """Read a stream to its end."""
    with attribution(team="impatient"):
        answer = await bedrock.converse_stream(modelId=MICRO, messages=MESSAGES)
        async for _ in answer["stream"]:
            pass


async def main(endpoint_url: str, recorder: Recorder) -> None:
    """Ask for three teams at once, then abandon a stream half-way."""
    session = instrument(get_session(), recorder=recorder)
    async with session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
    ) as bedrock:
        with attribution(app="ranker") as spend:
            async with asyncio.TaskGroup() as group:
                for team in ("search", "ads", "maps"):
                    group.create_task(ask(bedrock, team))
        print(f"{spend.calls} calls, {spend.cost} USD")

        try:
            async with asyncio.timeout(0.5):
                await read(bedrock)
        except TimeoutError:
            print("given up")


if __name__ == "__main__":
    sink = ListSink()
    with bedrock_simulator() as simulator:
        # One chunk every 200 ms: the stream has not ended after half a second.
        slow = Reply(chunk_interval_s=0.2, chunks=8)
        simulator.reply(slow, operation="ConverseStream")
        asyncio.run(main(simulator.endpoint_url, Recorder(sinks=[sink])))
    for record in sorted(sink.records, key=lambda record: record.tags["team"]):
        print(record.tags["team"], record.outcome, record.price_status)

# Prints:
# 3 calls, 0.000004620 USD
# given up
# ads ok priced
# impatient abandoned estimated
# maps ok priced
# search ok priced
