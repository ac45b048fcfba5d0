"""Tags in the headers of Celery's tasks. The only module that needs Celery."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any

from .._attribution import attribution, check_tags
from ..errors import MissingExtraError
from ..serverless import flush
from ._job_tags import DEFAULT_KEYS, received_tags, tags_to_send

__all__ = ["attribute_tasks"]

_HEADER = "bedrock_attrib_tags"
_BLOCK = "bedrock_attrib_block"
_UID = "bedrock_attrib"
_FLUSH_S = 5.0


def attribute_tasks(keys: Collection[str] = DEFAULT_KEYS) -> None:
    """Have tasks run with tags of their senders, in every Celery app of this process.

    Call it in the module that makes the Celery app, and so in senders and workers.
    Retries and chains are covered. A worker process flushes when it ends. Calling it
    again replaces the keys.

    Args:
        keys: Tags that a sender's tasks take along. Tags reach the broker: list only
            what it may see.

    Raises:
        ConfigError: If a key is not allowed as a tag.
        MissingExtraError: If Celery is not installed.
    """
    try:
        from celery import signals  # noqa: PLC0415 -- not in the base install
    except ModuleNotFoundError as error:
        raise MissingExtraError("celery", "celery") from error
    check_tags(dict.fromkeys(keys))
    sent = tuple(keys)

    def send(headers: MutableMapping[str, Any], **_: object) -> None:
        headers[_HEADER] = tags_to_send(sent)

    handlers = {
        signals.before_task_publish: send,
        signals.task_prerun: _enter,
        signals.task_postrun: _leave,
        signals.worker_process_shutdown: _flush,
    }
    for signal, handler in handlers.items():
        signal.disconnect(dispatch_uid=_UID)
        signal.connect(handler, weak=False, dispatch_uid=_UID)


def _enter(task: Any, **_: object) -> None:
    block = attribution(**received_tags(task.request.get(_HEADER)))
    block.__enter__()
    setattr(task.request, _BLOCK, block)


def _leave(task: Any, **_: object) -> None:
    block = task.request.get(_BLOCK)
    if block is not None:
        block.__exit__(None, None, None)


def _flush(**_: object) -> None:
    flush(_FLUSH_S)  # Celery's processes end without exit handlers.
