"""DynamoDB store: accounts in a table that many hosts share, without a server."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

import boto3
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from ..._runtime.fork import ResetOrder, after_fork, detect_fork
from ..._runtime.public_address import without_addresses
from ..._runtime.threads import Lock
from ...errors import ConfigError
from .protocol import AccountState, Answer, Change, Grant, StoreError
from .rules import (
    FOREVER,
    REMEMBERED_S,
    Account,
    Bucket,
    Controls,
    Holder,
    apply,
    budget_of,
    lifetime_s,
    refuse_negative,
    refuse_negative_grant,
    release,
    state_of,
)

Item = dict[str, Any]

# Limits of DynamoDB:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html and
# …/ServiceQuotas.html (2026-12-01): items of a transaction, keys of a batch, digits.
_MOST_ITEMS = 100
_MOST_DIGITS = 38
# A lease is stored as ending this much later, as the clocks of hosts differ.
CLOCK_MARGIN_S = 30.0
# How often a process looks for leases that have ended, unless it is refused.
_LOOK_EVERY_S = 10.0
_LEASES_AT_ONCE = 20
_FIRST_WAIT_S = 0.005
_MOST_WAIT_S = 0.2
_LEASE_INDEX = "leases"
_ONE_PARTITION = "1"
# Removal of an account is written once a day.
_TTL_STEP_S = 86_400.0
_SCAN_S = 60.0
Result = TypeVar("Result")
# Errors of one moment. Others are for good: no table, no permission.
_TRANSIENT = frozenset(
    {
        "ConditionalCheckFailedException",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
# Why others cancel a transaction; "None" is said of the items that were not the reason.
_CANCELLED_BY_OTHERS = frozenset(
    {
        "ConditionalCheckFailed",
        "None",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)


def table_definition(table: str) -> dict[str, Any]:
    """Return the arguments of DynamoDB's `CreateTable` for a table of budgets.

    It is billed per request. The attribute ``ttl`` is to be enabled as its time to
    live; see `time_to_live`.

    Args:
        table: Name of the table.

    Example:
        >>> table_definition("budgets")["BillingMode"]
        'PAY_PER_REQUEST'
    """
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "leased", "AttributeType": "S"},
            {"AttributeName": "due", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": _LEASE_INDEX,
                "KeySchema": [
                    {"AttributeName": "leased", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    }


def time_to_live(table: str) -> dict[str, Any]:
    """Return the arguments of DynamoDB's `UpdateTimeToLive` for a table of budgets."""
    return {
        "TableName": table,
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"},
    }


class _ConflictError(Exception):
    """Another process was faster: read again."""


@dataclass
class _Asked:
    """One exchange, and whether ended leases were looked for because of it."""

    holder: str
    number: int
    changes: Sequence[Change]
    lease_s: float
    has_looked: bool = False


class DynamoDBStore:
    """Store in a DynamoDB table, for the processes of many hosts.

    Each account and each holder is an item with a version. An exchange reads what it
    needs, and writes all of it in one transaction on condition that each version is
    still the one that was read; else it begins again.
    """

    def __init__(
        self,
        table: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout_s: float = 1.0,
        margin_s: float = CLOCK_MARGIN_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Remember the table; the client is made when it is first needed.

        Args:
            table: Name or ARN of the table; see `table_definition`.
            region: AWS region; None for that of boto3's configuration.
            endpoint_url: Another endpoint than that of AWS.
            timeout_s: Seconds within which each use ends.
            margin_s: Seconds by which the clocks of hosts may differ: a lease ends
                this much later than was asked.
            clock: Returns the Unix time.
        """
        self._table = table
        self._region = region
        self._endpoint_url = endpoint_url
        self._timeout_s = timeout_s
        self._margin_s = margin_s
        self._clock = clock
        self._look_at = 0.0
        self._client: Any = None
        self._after_fork()
        after_fork(self._after_fork, ResetOrder.LOCKS)

    def _after_fork(self) -> None:
        self._turn = Lock()
        self._opening = Lock()
        self._client = None

    def _dynamodb(self) -> Any:  # noqa: ANN401 -- clients of boto3 are untyped
        with self._opening:
            if self._client is None:
                # A session of its own, as the default one is not safe among threads.
                session = boto3.Session(botocore_session=botocore.session.Session())
                options = ClientConfig(
                    connect_timeout=self._timeout_s / 2,
                    read_timeout=self._timeout_s / 2,
                    retries={"mode": "standard", "total_max_attempts": 1},
                    max_pool_connections=50,
                    tcp_keepalive=True,
                )
                self._client = session.client(
                    "dynamodb",
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=options,
                )
            return self._client

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """See `Store.exchange`."""
        refuse_negative(changes)
        with self._in_turn() as deadline:
            if self._clock() >= self._look_at:
                self._repeat(self._end_leases, deadline)
            ask = _Asked(holder, number, changes, lease_s + self._margin_s)
            return self._repeat(lambda: self._exchange_once(ask), deadline)

    def _exchange_once(self, asked: _Asked) -> Answer:
        now = self._clock()
        names = list(dict.fromkeys(each.account for each in asked.changes))
        work = self._load(holders=[asked.holder], accounts=names, with_controls=True)
        holder = work.holders[asked.holder]
        if holder.expires_at <= now:  # its holds are released: what else it holds of
            work.add(self._get(_keys("a", _held_by(holder), work.accounts)))
        answer = apply(
            asked.changes,
            asked.number,
            asked.lease_s,
            holder=holder,
            accounts=work.accounts,
            controls=work.controls,
            now=now,
        )
        if not answer.is_granted and not asked.has_looked:
            # Nothing is written yet: what crashed holders held may be enough.
            asked.has_looked = True
            if self._end_leases():
                return self._exchange_once(asked)
        for each in asked.changes:
            work.keep(each.account, now + lifetime_s(each.first, now))
        self._write(work, now)
        return answer

    def _end_leases(self) -> int:
        """Release what holders hold whose leases have ended; return their number."""
        now = self._clock()
        self._look_at = now + _LOOK_EVERY_S
        found = self._dynamodb().query(
            TableName=self._table,
            IndexName=_LEASE_INDEX,
            KeyConditionExpression="leased = :one AND due <= :now",
            ExpressionAttributeValues={
                ":one": {"S": _ONE_PARTITION},
                ":now": {"N": _seconds(now)},
            },
            Limit=_LEASES_AT_ONCE,
        )["Items"]
        released = 0
        for item in found:
            with suppress(_ConflictError):  # somebody else does the same
                released += self._end_lease(item["id"]["S"][2:])
        return released

    def _end_lease(self, name: str) -> int:
        now = self._clock()
        work = self._load(holders=[name])
        holder = work.holders[name]
        is_over = bool(holder.holds) and holder.expires_at <= now
        if is_over:
            work.add(self._get(_keys("a", _held_by(holder), {})))
            release(holder, work.accounts)
        self._write(work, now)
        return int(is_over)

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Store.read`."""
        with self._in_turn() as deadline:
            self._repeat(self._end_leases, deadline)
            names = list(dict.fromkeys(name for name, _ in accounts))
            work = self._repeat(
                lambda: self._load(accounts=names, with_controls=True), deadline
            )
        now = self._clock()
        return [
            state_of(name, work.accounts[name], first, work.controls, now)
            for name, first in accounts
        ]

    def accounts(self, prefix: str = "") -> list[str]:
        """See `Store.accounts`. It reads the whole table."""
        names: list[str] = []
        start: dict[str, Any] = {}
        with self._in_turn():
            deadline = time.monotonic() + _SCAN_S
            while True:
                page = self._repeat(partial(self._scan, prefix, start), deadline)
                names += (item["id"]["S"][2:] for item in page["Items"])
                if "LastEvaluatedKey" not in page:
                    return sorted(names)
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _scan(self, prefix: str, start: Mapping[str, Any]) -> Item:
        page: Item = self._dynamodb().scan(
            TableName=self._table,
            FilterExpression="begins_with(id, :prefix)",
            ProjectionExpression="id",
            ExpressionAttributeValues={":prefix": {"S": f"a:{prefix}"}},
            **start,
        )
        return page

    def grant(self, target: str, grant: Grant) -> None:
        """See `Store.grant`."""
        refuse_negative_grant(grant)
        self._control(target, lambda found: found.grants.update({grant.name: grant}))

    def freeze(self, target: str, until: float | None = None) -> None:
        """See `Store.freeze`."""
        end = FOREVER if until is None else until
        self._control(target, lambda found: setattr(found, "frozen_until", end))

    def thaw(self, target: str) -> None:
        """See `Store.thaw`."""
        self._control(target, lambda found: setattr(found, "frozen_until", 0.0))

    def _control(self, target: str, change: Callable[[Controls], None]) -> None:
        def once() -> None:
            work = self._load(controls=[target])
            change(work.controls.setdefault(target, Controls()))
            self._write(work, self._clock())

        with self._in_turn() as deadline:
            self._repeat(once, deadline)

    def reset(self, account: str) -> None:
        """See `Store.reset`."""

        def once() -> None:
            work = self._load(accounts=[account])
            for bucket in work.accounts[account].buckets.values():
                bucket.spent = 0
            self._write(work, self._clock())

        with self._in_turn() as deadline:
            self._repeat(once, deadline)

    def close(self) -> None:
        """See `Store.close`."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _in_turn(self) -> Iterator[float]:
        """Let threads of this process wait here, not collide in the table."""
        detect_fork()
        deadline = time.monotonic() + self._timeout_s
        if not self._turn.acquire(timeout=max(0.0, self._timeout_s)):
            raise self._error(f"other threads used it for {self._timeout_s:g} s")
        try:
            yield deadline
        finally:
            self._turn.release()

    def _load(
        self,
        *,
        holders: Sequence[str] = (),
        accounts: Sequence[str] = (),
        controls: Sequence[str] = (),
        with_controls: bool = False,
    ) -> _Work:
        """Read items, those of the controls of accounts too if asked for."""
        targets = dict.fromkeys(controls)
        if with_controls:
            targets |= dict.fromkeys(accounts) | dict.fromkeys(map(budget_of, accounts))
        keys = [f"h:{name}" for name in holders] + [f"a:{name}" for name in accounts]
        work = _Work()
        work.add(self._get([*keys, *(f"c:{target}" for target in targets)]))
        return work

    def _get(self, keys: Sequence[str]) -> dict[str, Item | None]:
        found: dict[str, Item | None] = dict.fromkeys(keys)
        for start in range(0, len(keys), _MOST_ITEMS):
            part = [{"id": {"S": key}} for key in keys[start : start + _MOST_ITEMS]]
            answer = self._dynamodb().batch_get_item(
                RequestItems={self._table: {"Keys": part, "ConsistentRead": True}}
            )
            if answer.get("UnprocessedKeys"):
                raise _ConflictError  # it was throttled
            for items in answer["Responses"].values():
                found |= {item["id"]["S"]: item for item in items}
        return found

    def _write(self, work: _Work, now: float) -> None:
        """Write the items that have changed, all or none.

        Raises:
            _ConflictError: If one was written since it was read.
        """
        puts = [self._put(item, version) for item, version in work.changed(now)]
        if len(puts) > _MOST_ITEMS:
            raise self._error(
                f"an exchange wrote {len(puts)} accounts and holders; DynamoDB takes "
                f"{_MOST_ITEMS} items in a transaction: let fewer budgets match a call"
            )
        if len(puts) == 1:
            self._dynamodb().put_item(**puts[0])
        elif puts:
            self._dynamodb().transact_write_items(
                TransactItems=[{"Put": put} for put in puts],
                ClientRequestToken=uuid.uuid4().hex,
            )

    def _put(self, item: Item, version: str | None) -> dict[str, Any]:
        if version is None:
            condition: dict[str, Any] = {
                "ConditionExpression": "attribute_not_exists(id)"
            }
        else:
            condition = {
                "ConditionExpression": "v = :v",
                "ExpressionAttributeValues": {":v": {"N": version}},
            }
        return {"TableName": self._table, "Item": item, **condition}

    def _repeat(self, action: Callable[[], Result], deadline: float) -> Result:
        """Call *action* until no other process is in its way, or time is over."""
        wait_s, has_failed = _FIRST_WAIT_S, False
        while True:
            try:
                return action()
            except _ConflictError as error:
                cause: Exception = error
            except ClientError as error:
                if not _is_transient(error):
                    raise self._error(str(error)) from error
                cause = error
            except BotoCoreError as error:
                if has_failed:  # not reached twice: each may have taken long
                    raise self._error(str(error)) from error
                cause, has_failed = error, True
            wait = wait_s * random.uniform(0.2, 1.0)  # noqa: S311 -- no secret
            if time.monotonic() + wait >= deadline:
                reason = str(cause) or "other processes used the same accounts"
                raise self._error(reason) from cause
            time.sleep(wait)
            wait_s = min(2 * wait_s, _MOST_WAIT_S)

    def _error(self, reason: str) -> StoreError:
        return StoreError(
            f"budget store dynamodb://{self._table}: {without_addresses(reason)}"
        )


def _is_transient(error: ClientError) -> bool:
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return error.response["Error"]["Code"] in _TRANSIENT
    codes = {
        reason.get("Code") for reason in error.response.get("CancellationReasons", ())
    }
    return codes <= _CANCELLED_BY_OTHERS


class _Work:
    """Items that were read, as values, and what they were.

    Attributes:
        holders: Holders by name.
        accounts: Accounts by name.
        controls: Controls by target.
    """

    def __init__(self) -> None:
        self.holders: dict[str, Holder] = {}
        self.accounts: dict[str, Account] = {}
        self.controls: dict[str, Controls] = {}
        self._read: dict[str, Item | None] = {}
        self._before: dict[str, Item] = {}
        self._ends: dict[str, float] = {}

    def add(self, items: Mapping[str, Item | None]) -> None:
        """Add what was read, by key; None for what is not there."""
        self._read |= items
        for key, item in items.items():
            kind, name = key[0], key[2:]
            if kind == "h":
                self.holders[name] = Holder() if item is None else _holder_of(item)
            elif kind == "a":
                self.accounts[name] = Account() if item is None else _account_of(item)
            elif item is not None:
                self.controls[name] = _controls_of(item)
        self._before |= {key: each for key, each in self._now() if key in items}

    def keep(self, account: str, until: float) -> None:
        """Store an account until some Unix time, at least."""
        self._ends[account] = max(until, self._ends.get(account, 0.0))

    def changed(self, now: float) -> Iterator[tuple[Item, str | None]]:
        """Yield what is to be written, with the version that was read."""
        for key, item in self._now():
            stored = self._read.get(key)
            if item == self._before.get(key) and not self._is_to_begin(key, stored):
                continue
            version = None if stored is None else stored["v"]["N"]
            own = {"id": {"S": key}, "v": {"N": str(int(version or 0) + 1)}}
            yield own | item | self._times(key, stored, now), version

    def _is_to_begin(self, key: str, stored: Item | None) -> bool:
        if key[0] != "a" or key[2:] not in self._ends:
            return False
        written = 0.0 if stored is None else _number(stored, "ttl")
        return self._ends[key[2:]] > written + _TTL_STEP_S

    def _times(self, key: str, stored: Item | None, now: float) -> Item:
        """Return the attributes by which an item is found or removed later."""
        kind, name = key[0], key[2:]
        if kind == "a":
            written = 0.0 if stored is None else _number(stored, "ttl")
            end = max(written, self._ends.get(name, 0.0))
            return {"ttl": {"N": f"{end:.0f}"}} if end else {}
        if kind == "c":
            return {}
        holder = self.holders[name]
        if not holder.holds:
            return {"ttl": {"N": f"{holder.expires_at + REMEMBERED_S:.0f}"}}
        due = _number(stored or {}, "due")
        if not now < due <= holder.expires_at:
            due = holder.expires_at
        # As it was, if possible: the index costs a write only where this changes.
        return {"leased": {"S": _ONE_PARTITION}, "due": {"N": _seconds(due)}}

    def _now(self) -> Iterator[tuple[str, Item]]:
        for name, holder in self.holders.items():
            yield f"h:{name}", _holder_item(holder)
        for name, account in self.accounts.items():
            yield f"a:{name}", _account_item(account)
        for name, controls in self.controls.items():
            yield f"c:{name}", _controls_item(controls)


def _held_by(holder: Holder) -> list[str]:
    return list(dict.fromkeys(name for name, _ in holder.holds))


def _keys(kind: str, names: Iterable[str], known: Mapping[str, object]) -> list[str]:
    return [f"{kind}:{name}" for name in names if name not in known]


def _seconds(at: float) -> str:
    return f"{at:.6f}"


def _amount(amount: int) -> Item:
    digits = str(amount)
    if len(digits) > _MOST_DIGITS:
        raise StoreError(
            f"DynamoDB stores numbers of {_MOST_DIGITS} digits, got one of "
            f"{len(digits)}"
        )
    return {"N": digits}


def _number(item: Item, name: str) -> float:
    return float(item[name]["N"]) if name in item else 0.0


def _account_item(account: Account) -> Item:
    buckets = {
        str(number): {"L": [_amount(bucket.spent), _amount(bucket.held)]}
        for number, bucket in account.buckets.items()
    }
    return {"b": {"M": buckets}}


def _account_of(item: Item) -> Account:
    return Account(
        {
            int(number): Bucket(*(int(each["N"]) for each in amounts["L"]))
            for number, amounts in item["b"]["M"].items()
        }
    )


def _holder_item(holder: Holder) -> Item:
    refused_by = -1 if holder.refused_by is None else holder.refused_by
    holds = {
        f"{number}|{name}": _amount(amount)
        for (name, number), amount in holder.holds.items()
    }
    return {
        "n": {"N": str(holder.number)},
        "r": {"N": str(refused_by)},
        "x": {"N": _seconds(holder.expires_at)},
        "e": {"BOOL": holder.has_expired},
        "h": {"M": holds},
    }


def _holder_of(item: Item) -> Holder:
    refused_by = int(item["r"]["N"])
    keys = [(key.partition("|"), amount) for key, amount in item["h"]["M"].items()]
    return Holder(
        number=int(item["n"]["N"]),
        refused_by=None if refused_by < 0 else refused_by,
        expires_at=_number(item, "x"),
        holds={(key[2], int(key[0])): int(amount["N"]) for key, amount in keys},
        has_expired=item["e"]["BOOL"],
    )


def _controls_item(controls: Controls) -> Item:
    # As text, as it is small, rarely written, and may have no end.
    grants = [
        [each.name, each.amount, each.expires_at] for each in controls.grants.values()
    ]
    is_for_ever = controls.frozen_until == FOREVER
    until = None if is_for_ever else controls.frozen_until
    return {"s": {"S": json.dumps({"frozen_until": until, "grants": grants})}}


def _controls_of(item: Item) -> Controls:
    found = json.loads(item["s"]["S"])
    until = found["frozen_until"]
    return Controls(
        FOREVER if until is None else until,
        {name: Grant(name, amount, end) for name, amount, end in found["grants"]},
    )


def open_dynamodb(url: str, timeout_s: float) -> DynamoDBStore:
    """Open the store of ``dynamodb://TABLE?region=…&endpoint_url=…``.

    Raises:
        ConfigError: If there is no table, or another option.
    """
    name, _, query = url.partition("://")[2].partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = options.keys() - {"region", "endpoint_url"}
    if not name or unknown:
        what = f"option {min(unknown)!r}" if unknown else "no table"
        raise ConfigError(
            f"expected dynamodb://TABLE?region=…&endpoint_url=…, got {what}"
        )
    return DynamoDBStore(
        unquote(name),
        region=options.get("region"),
        endpoint_url=options.get("endpoint_url"),
        timeout_s=timeout_s,
    )
