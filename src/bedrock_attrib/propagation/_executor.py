"""`CarryingExecutor`: a pool whose jobs have the attribution of their submitter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ._carry import carry

Given = ParamSpec("Given")
Result = TypeVar("Result")


class CarryingExecutor(Executor):
    """Wrapper of any executor that gives each job the attribution of its submitter.

    Jobs are carried as `carry` carries a function. Everything else is up to the
    wrapped executor: whether jobs run in threads or processes, what is returned, when
    it shuts down, which jobs it rejects.

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
            executor: Runs the jobs. You may still use it directly, for jobs without
                attribution.
        """
        self._executor = executor

    def submit(
        self,
        fn: Callable[Given, Result],
        /,
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Future[Result]:
        """Run ``fn(*args, **kwargs)`` with the current attribution."""
        return self._executor.submit(carry(fn), *args, **kwargs)

    def map(
        self,
        fn: Callable[..., Result],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Result]:
        """Run *fn* for each item, with the current attribution.

        Args:
            fn: Called with one item of each of *iterables*.
            *iterables: As for `map`.
            timeout: Seconds to wait for a result at most; None for no limit.
            chunksize: Items sent to another process at once.
            **options: Other options of the wrapped executor, such as ``buffersize``
                (Python 3.14 and later).
        """
        return self._executor.map(
            carry(fn), *iterables, timeout=timeout, chunksize=chunksize, **options
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- signature of `Executor`
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
