"""`attribution`: the block and decorator that set tags."""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType

from .._model.tags import check_tags
from ..errors import ConfigError
from .block_limit import block_limit
from .context import Block
from .decorator import Function, NestedEntry, decorate
from .spend import Spend


class attribution:  # noqa: N801 -- reads as a statement after `with` and `@`
    """Attribute every Bedrock call of a block or function to *tags*.

    Works as a context manager that yields a `Spend`, and as a decorator of functions,
    generators and their async variants. Blocks nest: inner tags win, ``None`` removes
    a key. A call belongs to the block in which it started.

    New threads start without tags; `asyncio` tasks and ``asyncio.to_thread`` inherit
    them. `bedrock_attrib.propagation` carries them to other threads and processes.

    A block may have limits of its own, which hold for all calls that start inside it,
    in inner blocks too. A call that does not fit raises `BudgetExceededError` and is
    not sent. Limits need no store and no settings.

    Args:
        limit_usd: Most that the calls may cost, in USD, as text such as ``"0.50"``,
            `Decimal` or whole number. A call is let through if the most that it may
            cost is left; where its request states no most output tokens, if what the
            dearest call to the model has cost in this block is left.
        limit_calls: Most calls that may be sent.
        **tags: Your own keys: ``team``, ``app``, ``experiment``, or any other.
            Keys of 1 to 128 and values of 1 to 256 letters, digits, spaces and
            ``_.:/=+-@``; at most 50.

    Raises:
        ConfigError: If a key, value or limit is not allowed, or more than 50 tags
            would be in force.

    Example:
        >>> with attribution(team="search") as spend:
        ...     with attribution(experiment="prompt-v7"):
        ...         print(dict(current_tags()))
        {'team': 'search', 'experiment': 'prompt-v7'}
        >>> spend.calls
        0
    """

    def __init__(
        self,
        *,
        limit_usd: Decimal | str | int | None = None,
        limit_calls: int | str | None = None,
        **tags: str | None,
    ) -> None:
        block_limit(limit_usd, limit_calls)  # checked here, made for each block
        self._limits = limit_usd, limit_calls
        self._changes = check_tags(tags)
        self._block: Block | None = None

    def __enter__(self) -> Spend:
        if self._block is not None:
            raise ConfigError(
                "this attribution() is already active; create a new one for each `with`"
            )
        block, spend = Block(self._changes, block_limit(*self._limits)), Spend()
        block.enter(spend)
        self._block = block
        return spend

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(kind, error, traceback)

    def __call__(self, function: Function) -> Function:
        """Decorate *function* so that each call runs in its own block.

        Raises:
            TypeError: If *function* is a class or cannot be called.
        """
        return decorate(NestedEntry(self._changes, self._limits), function)
