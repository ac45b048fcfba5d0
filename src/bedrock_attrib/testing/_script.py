"""Script of replies: the latest matching one applies, a limited number of times."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from ..errors import ConfigError
from ._reply import Reply

_DEFAULT_REPLY = Reply()


@dataclass(slots=True)
class _Rule:
    reply: Reply
    operation: str | None
    model_id: str | None
    times_left: int | None

    def takes(self, operation: str, model_id: str) -> bool:
        return (
            self.operation in {None, operation}
            and self.model_id in {None, model_id}
            and self.times_left != 0
        )


class Script:
    """Replies and the requests that they match; thread-safe."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = Lock()

    def add(
        self,
        reply: Reply,
        *,
        operation: str | None,
        model_id: str | None,
        times: int | None,
    ) -> None:
        """Add *reply*, with precedence over earlier ones.

        Raises:
            ConfigError: If *times* is below one.
        """
        if times is not None and times < 1:
            raise ConfigError(f"times is {times}; expected 1 or more, or None")
        with self._lock:
            self._rules.append(_Rule(reply, operation, model_id, times))

    def clear(self) -> None:
        """Remove every reply but the default one."""
        with self._lock:
            self._rules.clear()

    def choose(self, operation: str, model_id: str) -> Reply:
        """Return the reply to one request, and count its use."""
        with self._lock:
            for rule in reversed(self._rules):
                if rule.takes(operation, model_id):
                    if rule.times_left is not None:
                        rule.times_left -= 1
                    return rule.reply
        return _DEFAULT_REPLY
