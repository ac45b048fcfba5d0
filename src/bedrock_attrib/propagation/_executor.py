"""Pools whose jobs belong to whoever submits them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ._carry import carry

Given = ParamSpec("Given")
Result = TypeVar("Result")


class CarryingExecutor(Executor):
    """Any executor, with every job given the attribution of whoever submits it.

    Jobs are given to it as `carry` gives it to a function. Whether they run in threads
    or in processes is the wrapped executor's matter, and so is all else: what it
    returns, when it ends, what it refuses.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with CarryingExecutor(ThreadPoolExecutor(4)) as pool:
        ...     with attribution(team="search"):
        ...         job = pool.submit(current_tags)
        >>> dict(job.result())
        {'team': 'search'}
    """

    def __init__(self, executor: Executor) -> None:
        """Wrap *executor*, which is shut down with this one.

        Args:
            executor: Runs the jobs. It may go on being used directly, for jobs that
                belong to nobody.
        """
        self._executor = executor

    def submit(
        self,
        fn: Callable[Given, Result],
        /,
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Future[Result]:
        """Run ``fn(*args, **kwargs)`` with the attribution of now."""
        return self._executor.submit(carry(fn), *args, **kwargs)

    def map(
        self,
        fn: Callable[..., Result],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Result]:
        """Run *fn* for each of the items, with the attribution of now.

        Args:
            fn: Called with one item of each of *iterables*.
            *iterables: As for `map`.
            timeout: Seconds after which waiting for a result ends; None for no end.
            chunksize: Items that go to another process at once.
            **options: Whatever else the wrapped executor takes, such as ``buffersize``
                from Python 3.14 on.
        """
        return self._executor.map(
            carry(fn), *iterables, timeout=timeout, chunksize=chunksize, **options
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as Python's
        """Shut the wrapped executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Self:
        self._executor.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._executor.__exit__(kind, error, traceback)
