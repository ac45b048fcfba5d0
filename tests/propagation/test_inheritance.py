"""What takes the tags along by itself, what doesn't, and that `carry` always does."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from botocore.client import BaseClient

from bedrock_attrib import attribution, current_tags
from bedrock_attrib.propagation import CarryingExecutor, carry
from bedrock_attrib.testing import ListSink

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]

Job = Callable[[], None]
# Python 3.14: off but on builds without the global lock.
# https://docs.python.org/3.14/library/sys.html#sys.flags, checked 2026-11-25.
THREADS_INHERIT = bool(getattr(sys.flags, "thread_inherit_context", 0))


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run *main*, then whatever it has set going."""

    async def to_the_end() -> None:
        await main()
        await asyncio.sleep(0.01)

    asyncio.run(to_the_end())


def in_thread(job: Job) -> None:
    """`threading.Thread`."""
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()


def in_timer(job: Job) -> None:
    """`threading.Timer`."""
    timer = threading.Timer(0.001, job)
    timer.start()
    timer.join()


def in_thread_pool(job: Job) -> None:
    """`ThreadPoolExecutor.submit`."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(job).result()


def in_thread_pool_map(job: Job) -> None:
    """`ThreadPoolExecutor.map`."""
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(lambda do: do(), [job]))


def in_multiprocessing_threads(job: Job) -> None:
    """`multiprocessing.pool.ThreadPool`."""
    with ThreadPool(1) as pool:
        pool.apply(job)


def done_in_thread(job: Job) -> None:
    """`concurrent.futures.Future.add_done_callback`, ended by another thread."""
    future: Future[None] = Future()
    future.add_done_callback(lambda _: job())
    in_thread(lambda: future.set_result(None))


def done_already(job: Job) -> None:
    """The same on a future that has ended, which calls back at once."""
    future: Future[None] = Future()
    future.set_result(None)
    future.add_done_callback(lambda _: job())


def in_executor(job: Job) -> None:
    """`loop.run_in_executor`."""

    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, job)

    run(main)


def in_to_thread(job: Job) -> None:
    """`asyncio.to_thread`."""
    run(lambda: asyncio.to_thread(job))


def in_task(job: Job) -> None:
    """`asyncio.create_task`, the loop being older than the block."""

    async def work() -> None:
        job()

    async def main() -> None:
        await asyncio.create_task(work())

    run(main)


def in_task_group(job: Job) -> None:
    """`asyncio.TaskGroup`."""

    async def work() -> None:
        job()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())

    run(main)


def soon(job: Job) -> None:
    """`loop.call_soon`."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(job)

    run(main)


def later(job: Job) -> None:
    """`loop.call_later`."""

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.001, job)

    run(main)


def done_in_loop(job: Job) -> None:
    """`asyncio.Future.add_done_callback`, as `asyncio.Task`'s."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: job())
        asyncio.get_running_loop().call_soon(future.set_result, None)

    run(main)


def with_running_loop(use: Callable[[asyncio.AbstractEventLoop], None]) -> None:
    """Have *use* deal with a loop that has been running in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        use(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def soon_threadsafe(job: Job) -> None:
    """`loop.call_soon_threadsafe`, from another thread than the loop's."""

    def use(loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(job)

    with_running_loop(use)


def coroutine_threadsafe(job: Job) -> None:
    """`asyncio.run_coroutine_threadsafe`."""

    async def work() -> None:
        job()

    def use(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.run_coroutine_threadsafe(work(), loop).result()

    with_running_loop(use)


INHERIT = [
    in_to_thread,
    in_task,
    in_task_group,
    soon,
    later,
    done_in_loop,
    done_already,
    soon_threadsafe,
    coroutine_threadsafe,
]
DO_NOT = [
    in_thread,
    in_timer,
    in_thread_pool,
    in_thread_pool_map,
    in_multiprocessing_threads,
    done_in_thread,
    in_executor,
]


@pytest.mark.parametrize("border", [*INHERIT, *DO_NOT], ids=lambda b: b.__name__)
@pytest.mark.parametrize("is_carried", [False, True], ids=["plain", "carried"])
def test_border(
    border: Callable[[Job], None],
    is_carried: bool,  # noqa: FBT001
    client: BaseClient,
    sink: ListSink,
) -> None:
    """A call beyond the border has the tags of the block, or none; carried, it has."""

    def job() -> None:
        client.converse(modelId=MODEL, messages=MESSAGES)

    with attribution(team="search") as spend:
        border(carry(job) if is_carried else job)
    (record,) = sink.records
    has_tags = is_carried or border in INHERIT or THREADS_INHERIT
    assert dict(record.tags) == ({"team": "search"} if has_tags else {})
    assert spend.calls == (1 if has_tags else 0)
    assert dict(current_tags()) == {}


def test_default_executor_of_a_loop(client: BaseClient, sink: ListSink) -> None:
    """A carrying pool is given to `run_in_executor` by name; asyncio sets no other."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with CarryingExecutor(ThreadPoolExecutor(1)) as pool:
            with pytest.raises(TypeError, match="must be ThreadPoolExecutor instance"):
                loop.set_default_executor(pool)  # type: ignore[arg-type]
            for team in ("search", "ads"):
                with attribution(team=team):
                    await loop.run_in_executor(pool, call)

    def call() -> None:
        client.converse(modelId=MODEL, messages=MESSAGES)

    asyncio.run(main())
    assert [record.tags["team"] for record in sink.records] == ["search", "ads"]


def test_worker_that_waits_for_jobs(client: BaseClient, sink: ListSink) -> None:
    """Jobs on an `asyncio.Queue` are the worker's, unless they are carried to it."""

    async def main() -> None:
        jobs: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]]] = asyncio.Queue()

        async def worker() -> None:
            while True:
                await (await jobs.get())()
                jobs.task_done()

        async def job() -> None:
            await asyncio.to_thread(client.converse, modelId=MODEL, messages=MESSAGES)

        with attribution(team="starter"):
            task = asyncio.create_task(worker())
        with attribution(team="search"):
            jobs.put_nowait(job)
            jobs.put_nowait(carry(job))
        await jobs.join()
        task.cancel()

    asyncio.run(main())
    assert [record.tags["team"] for record in sink.records] == ["starter", "search"]


def test_generator_stepped_in_copies() -> None:
    """A block over a yield is lost where each step has a copy of the context.

    As Starlette runs sync generators. Decorated, the generator keeps its tags.
    """

    def block() -> Iterator[dict[str, str]]:
        with attribution(app="gen"):
            yield dict(current_tags())
            yield dict(current_tags())

    @attribution(app="gen")
    def decorated() -> Iterator[dict[str, str]]:
        yield dict(current_tags())
        yield dict(current_tags())

    def steps(generator: Iterator[dict[str, str]]) -> list[dict[str, str]]:
        return [copy_context().run(next, generator) for _ in range(2)]

    assert steps(block()) == [{"app": "gen"}, {}]
    assert steps(decorated()) == [{"app": "gen"}, {"app": "gen"}]
    assert dict(current_tags()) == {}
