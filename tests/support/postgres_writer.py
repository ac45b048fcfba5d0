"""What each of several processes does to one ledger in PostgreSQL."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

from kept_records import NOON, make_record

from bedrock_attrib import Unit, Usage
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger.postgres import PostgresStore


def write_from_a_process(address: str, schema: str, seed: int, calls: int) -> None:
    """What each of several processes does; the exit code is the calls it failed on."""
    store = PostgresStore(address, schema=schema)
    ledger = Ledger(store, interval_s=3600)
    chance = random.Random(seed)
    failed = 0
    for n in range(calls):
        # Each brings the same new tag sets in an order of its own.
        tags = {"team": f"t{chance.randrange(40)}", "round": str(n // 100)}
        at = NOON + timedelta(microseconds=chance.randrange(50))
        usage = Usage({Unit.INPUT_TOKEN: 7, Unit.SEARCH_UNIT: 1})
        ledger.write(make_record(usage, tags=tags, at=at, id=f"{seed:020x}{n:012x}"))
        if n % 100 == 99:
            failed += not ledger.flush(30)
    ledger.close()
    sys.exit(failed + ledger.dropped)
