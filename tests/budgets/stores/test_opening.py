"""Opening of stores by their URLs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bedrock_attrib import ConfigError, MissingExtraError
from bedrock_attrib.budgets.stores import open_store
from bedrock_attrib.budgets.stores.memory import MemoryStore
from bedrock_attrib.budgets.stores.sqlite import SQLiteBudgetStore

_REDIS = "bedrock_attrib.budgets.stores.redis"


def test_memory() -> None:
    """The store of this process alone."""
    assert isinstance(open_store("memory://", timeout_s=1), MemoryStore)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/app/budgets.db", "/var/lib/app/budgets.db"),
        ("sqlite:///budgets.db", str(Path.cwd() / "budgets.db")),
        ("SQLite:////a%20b/budgets.db", "/a b/budgets.db"),
    ],
)
def test_sqlite(url: str, path: str) -> None:
    """Four slashes begin an absolute path, three one in the working folder."""
    store = open_store(url, timeout_s=1)
    assert isinstance(store, SQLiteBudgetStore)
    assert str(store.path) == path


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("budgets.db", "budgets.db"),
        ("", "''"),
        ("postgresql://ada:s3cret@host/budgets", "postgresql://host/budgets"),
        ("http://ada:s3cret@host", "http://host"),
        ("redis:ada:s3cret@host", "redis:…"),
        ("memory://elsewhere", "memory://elsewhere"),
        ("sqlite://budgets.db", "sqlite://budgets.db"),
        ("sqlite:///", "sqlite:///"),
    ],
)
def test_what_is_no_store(url: str, shown: str) -> None:
    """The error shows what came without its password, and what was expected."""
    with pytest.raises(ConfigError) as raised:
        open_store(url, timeout_s=1)
    assert shown in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert "expected" in str(raised.value) or "nothing further" in str(raised.value)


def test_redis_without_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    for name in [each for each in sys.modules if each.startswith(_REDIS)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"bedrock-attrib\[redis\]"):
        open_store("redis://localhost", timeout_s=1)
