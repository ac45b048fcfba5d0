"""Stores of budgets: memory, SQLite, Redis and DynamoDB behind one protocol."""

from .opening import open_store
from .protocol import AccountState, Answer, Change, Grant, Store, StoreError

__all__ = [
    "AccountState",
    "Answer",
    "Change",
    "Grant",
    "Store",
    "StoreError",
    "open_store",
]
