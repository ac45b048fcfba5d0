"""A process of a fleet: 64 threads that call until their budgets are spent.

Run: python budget_fleet.py ENDPOINT STORE LIMIT

Prints what it sent, what was refused and what its records cost, as JSON.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from bedrock_attrib import (
    Budget,
    BudgetExceededError,
    attribution,
    configure,
    instrument,
)
from bedrock_attrib.testing import ListSink

NOVA = "us.amazon.nova-micro-v1:0"
THREADS, TRIES = 64, 3


def budgets(limit: str) -> list[Budget]:
    """One nearly spent budget, and eight that overlap it."""
    return [
        Budget("all", limit_usd=limit, window="total"),
        *(
            Budget(f"b{each}", limit_calls=60 + each, window="total", each="team")
            for each in range(8)
        ),
    ]


def main() -> None:
    """Call, and print what came of it."""
    endpoint, store, limit = sys.argv[1:]
    sink = ListSink()
    recorder = configure(
        metrics=False,
        sinks=[sink],
        budgets=budgets(limit),
        budget_store=store,
        budget_store_timeout_s=60,
    )
    client = instrument(
        boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(max_pool_connections=THREADS, retries={"mode": "standard"}),
        ),
        recorder=recorder,
    )

    def work(number: int) -> tuple[int, int]:
        sent = refused = 0
        with attribution(team=f"team-{number % 3}"):
            for _ in range(TRIES):
                try:
                    client.converse(
                        modelId=NOVA, messages=[], inferenceConfig={"maxTokens": 8}
                    )
                    sent += 1
                except BudgetExceededError:
                    refused += 1
        return sent, refused

    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(work, range(THREADS)))
    recorder.flush(60)
    recorder.close()
    cost = sum(each.cost.total for each in sink.records if each.cost is not None)
    print(
        json.dumps(
            {
                "sent": sum(sent for sent, _ in done),
                "refused": sum(refused for _, refused in done),
                "cost": str(cost),
                "faults": recorder.faults.counts(),
            }
        )
    )


if __name__ == "__main__":
    main()
