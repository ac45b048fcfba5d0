"""Jobs for other processes, which find them by name: each makes one metered call."""

from __future__ import annotations

from collections.abc import Iterator

import boto3

from bedrock_attrib import Recorder, attribution, current_tags, instrument
from bedrock_attrib.testing import ListSink

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


def call(endpoint_url: str) -> dict[str, str]:
    """Make a client as a process of its own does, call, and give the record's tags."""
    sink = ListSink()
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
    )
    instrument(client, recorder=Recorder(sinks=(sink,)))
    client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    return dict(record.tags)


@attribution(app="job")
def decorated(endpoint_url: str) -> dict[str, str]:
    """The same, in a block of its own."""
    return call(endpoint_url)


def tags() -> dict[str, str]:
    """The tags in force."""
    return dict(current_tags())


def steps() -> Iterator[dict[str, str]]:
    """Tags of three steps, the second in a block."""
    yield tags()
    with attribution(app="inner"):
        yield tags()
    yield tags()
