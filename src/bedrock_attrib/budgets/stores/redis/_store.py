"""Store in Redis or Valkey: one script, and one round trip, per exchange."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from ...._runtime.fork import ResetOrder, after_fork, detect_fork
from ...._runtime.public_address import public_address, without_addresses
from ...._runtime.threads import Lock
from ....errors import ConfigError
from ..protocol import AccountState, Answer, Change, Grant, StoreError
from ..rules import refuse_negative, refuse_negative_grant
from ._scripts import ACCOUNTS, CONTROL, EXCHANGE, READ, RESET

_PREFIX = "bedrock-attrib"
_OWN_OPTION = re.compile(r"(prefix|cluster)=(.*)")
_PLAIN_PREFIX = re.compile(r"[\w.:/-]+")
# A broken connection is noticed at once, or not in time for another attempt.
_AT_ONCE = 0.2


class _Script:
    def __init__(self, text: str) -> None:
        self.text = text
        # The name that Redis gives it.
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


_EXCHANGE, _READ, _RESET, _CONTROL, _ACCOUNTS = map(
    _Script, (EXCHANGE, READ, RESET, CONTROL, ACCOUNTS)
)


class RedisStore:
    """Store in Redis 7 or Valkey, for the processes of many hosts.

    Everything that an exchange reads and writes is in one script, so that it is atomic.
    The server's clock decides when leases end. All keys have one hash tag, and so are
    in one slot of a cluster.
    """

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        """Remember the address; connections are opened when they are first needed.

        Args:
            url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, as redis-py takes
                them. Beside its options, ``prefix=NAME`` begins the names of all keys
                (``bedrock-attrib`` unless given), and ``cluster=true`` is for a Redis
                cluster.
            timeout_s: Seconds within which each use ends: half of them to connect, if
                that is needed, half of them to be answered.

        Raises:
            ConfigError: If *url* is not understood.
        """
        self._name = public_address(url)
        self._url, own = _split(url)
        prefix = own.get("prefix", _PREFIX)
        if not _PLAIN_PREFIX.fullmatch(prefix):
            raise ConfigError(
                f"budget store {self._name}: expected a prefix of letters, digits and "
                f". _ : / -, got {prefix!r}"
            )
        self._prefix = f"{{{prefix}}}:"
        self._is_cluster = own.get("cluster", "").lower() in {"1", "true", "yes"}
        self._timeout_s = timeout_s
        self._password = _password_of(url)
        self._client: Any = None
        if not self._is_cluster:  # which asks its nodes at once
            self._client = self._connect()
        self._after_fork()
        after_fork(self._after_fork, ResetOrder.LOCKS)

    def _after_fork(self) -> None:
        self._lock = Lock()
        if self._is_cluster:
            self._client = None

    def _connect(self) -> Any:  # noqa: ANN401 -- of one server or of a cluster
        kind: Any = RedisCluster if self._is_cluster else redis.Redis
        try:
            return kind.from_url(
                self._url,
                socket_timeout=self._timeout_s / 2,
                socket_connect_timeout=self._timeout_s / 2,
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"budget store {self._name}: {self._shown(error)}; expected "
                f"redis://user:password@host:6379/0, rediss://… or unix:///path.sock"
            ) from None  # which may quote the password

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """See `Store.exchange`."""
        refuse_negative(changes)
        values: list[str | int] = [holder, number, f"{lease_s:.6f}"]
        for each in changes:
            limit = "" if each.limit is None else each.limit
            values += (each.account, each.bucket, each.first)
            values += (each.spent, each.hold, limit)
        refused_by, has_expired, *states = self._run(_EXCHANGE, values)
        return Answer(
            is_granted=refused_by < 0,
            states=tuple(_states(states)),
            refused_by=None if refused_by < 0 else refused_by,
            has_expired=bool(has_expired),
        )

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Store.read`."""
        return _states(self._run(_READ, [each for pair in accounts for each in pair]))

    def accounts(self, prefix: str = "") -> list[str]:
        """See `Store.accounts`."""
        return sorted(name.decode() for name in self._run(_ACCOUNTS, [prefix]))

    def grant(self, target: str, grant: Grant) -> None:
        """See `Store.grant`."""
        refuse_negative_grant(grant)
        value = f"{grant.amount} {_end(grant.expires_at)}"
        self._run(_CONTROL, [target, f"g{grant.name}", value])

    def freeze(self, target: str, until: float | None = None) -> None:
        """See `Store.freeze`."""
        self._run(_CONTROL, [target, "f", _end(until)])

    def thaw(self, target: str) -> None:
        """See `Store.thaw`."""
        self._run(_CONTROL, [target, "f"])

    def reset(self, account: str) -> None:
        """See `Store.reset`."""
        self._run(_RESET, [account])

    def close(self) -> None:
        """See `Store.close`."""
        if self._client is not None:
            self._client.close()

    def _run(self, script: _Script, values: Sequence[str | int]) -> Any:  # noqa: ANN401
        """Run a script; every one may be repeated."""
        detect_fork()
        started = time.monotonic()
        try:
            try:
                return self._evaluate(script, values)
            except redis.ConnectionError:
                if time.monotonic() - started > _AT_ONCE * self._timeout_s:
                    raise
                return self._evaluate(script, values)  # on another connection
        except (redis.RedisError, OSError) as error:
            raise StoreError(
                f"budget store {self._name}: {self._shown(error)}"
            ) from self._cause(error)

    def _evaluate(self, script: _Script, values: Sequence[str | int]) -> Any:  # noqa: ANN401
        client = self._client
        if client is None:
            with self._lock:
                client = self._client = self._client or self._connect()
        # A key that exists, so that a cluster finds the slot.
        arguments = (1, f"{self._prefix}leases", self._prefix, *values)
        try:
            return client.evalsha(script.sha, *arguments)
        except redis.exceptions.NoScriptError:  # a new or restarted server
            return client.eval(script.text, *arguments)

    def _shown(self, error: BaseException) -> str:
        text = " ".join(str(error).split())
        if self._has_password(text):
            return type(error).__name__
        return f"{type(error).__name__}: {without_addresses(text)}"

    def _cause(self, error: BaseException) -> BaseException | None:
        return None if self._has_password(str(error)) else error

    def _has_password(self, text: str) -> bool:
        return any(each in text for each in self._password)


def _end(at: float | None) -> str:
    return "" if at is None else f"{at:.6f}"


def _states(values: Sequence[Any]) -> list[AccountState]:
    rest = iter(values)
    return [
        AccountState(int(spent), int(held), int(granted), bool(is_frozen))
        for spent, held, granted, is_frozen in zip(rest, rest, rest, rest, strict=True)
    ]


def _split(url: str) -> tuple[str, dict[str, str]]:
    """Return *url* for redis-py, and the options that are ours."""
    base, _, query = url.partition("?")
    own, others = {}, []
    for each in query.split("&") if query else ():
        found = _OWN_OPTION.fullmatch(each)
        if found is None:
            others.append(each)
        else:
            own[found[1]] = unquote(found[2])
    return f"{base}?{'&'.join(others)}" if others else base, own


def _password_of(url: str) -> tuple[str, ...]:
    """Return the password as it may stand in a message."""
    quoted = [
        each.partition("=")[2]
        for each in url.partition("?")[2].split("&")
        if each.lower().startswith("password=")
    ]
    try:
        quoted.append(urlsplit(url).password or "")
    except ValueError:
        quoted.append(url.partition("://")[2])
    return tuple({form for each in quoted if each for form in (each, unquote(each))})
