"""Jobs of Celery and RQ that call Bedrock, and a file that tells what was recorded."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import boto3
from botocore.client import BaseClient

from bedrock_attrib import CallRecord, configure, current_tags, instrument

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class FileSink:
    """Writes the tags of each record as a line of JSON, when it is flushed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, record: CallRecord) -> None:
        """Keep a line."""
        self.lines.append(json.dumps(dict(record.tags)) + "\n")

    def flush(self, timeout_s: float) -> bool:
        """Write what is kept."""
        with Path(os.environ["RECORDS"]).open("a", encoding="utf-8") as file:
            file.writelines(self.lines)
        self.lines.clear()
        return True

    def close(self) -> None:
        """Nothing is held open."""


configure(metrics=False, sinks=[FileSink()], tags={"environment": "worker"})


@cache
def client(_pid: int) -> BaseClient:
    """A client for each process."""
    return instrument(boto3.client("bedrock-runtime", "us-east-1"))


def summarise(text: str) -> dict[str, str]:
    """Call Bedrock."""
    assert text
    client(os.getpid()).converse(modelId=MODEL, messages=MESSAGES)
    return dict(current_tags())
