"""Attribution goes along to threads, processes and generators, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import multiprocessing
import os
import pickle
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from decimal import Decimal
from functools import partial
from typing import Any, Self

import border_jobs
import pytest
from border_jobs import tags
from botocore.client import BaseClient
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import HANG_S

from bedrock_attrib import Spend, attribution, configure
from bedrock_attrib.propagation import CarryingExecutor, carry
from bedrock_attrib.testing import ListSink, Simulator

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
# 12 x 0.035 and 8 x 0.14 USD for a million tokens: what one call costs.
COST = Decimal("0.00000154")

forked = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(scope="module")
def thread() -> Iterator[ThreadPoolExecutor]:
    """Another thread, always the same."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


# A function.


def test_tags_of_the_moment(thread: ThreadPoolExecutor) -> None:
    """The tags are those of when `carry` was called, wherever and whenever it runs."""
    with attribution(team="search", app="web"), attribution(app=None):
        carried = carry(tags)
    assert tags() == {}
    assert carried() == {"team": "search"}
    assert thread.submit(carried).result() == {"team": "search"}
    with attribution(team="other", kind="x"):
        assert carried() == {"team": "search"}
        assert tags() == {"team": "other", "kind": "x"}
    assert thread.submit(tags).result() == {}


def test_no_tags_are_carried_too(thread: ThreadPoolExecutor) -> None:
    """What is carried from outside of all blocks belongs to nobody."""
    carried = carry(tags)
    with attribution(team="search"):
        assert carried() == {}


def test_carried_twice() -> None:
    """What is carried already keeps what it has."""
    with attribution(team="first"):
        carried = carry(tags)
    with attribution(team="second"):
        assert carry(carried)() == {"team": "first"}


def test_arguments_results_and_errors() -> None:
    """A carried function takes, returns and raises what the function does."""

    def divide(one: int, *, by: int) -> float:
        return one / by

    carried = carry(divide)
    assert carried(1, by=2) == 0.5
    with pytest.raises(ZeroDivisionError) as caught:
        carried(1, by=0)
    assert caught.traceback[-1].name == "divide"
    assert tags() == {}


def test_its_name_is_known() -> None:
    """A thread, a log and a signature tell which function is carried."""
    carried = carry(tags)
    assert threading.Thread(target=carried).name.endswith("(tags)")
    assert inspect.signature(carried) == inspect.signature(tags)
    assert repr(carried) == f"<carried {tags!r}>"
    assert carry(partial(tags)).__name__ == "partial"


def test_methods_and_classes() -> None:
    """Whatever can be called can be carried."""

    class Job:
        def __init__(self) -> None:
            self.made_with = tags()

        def run(self) -> dict[str, str]:
            return tags()

        def __call__(self) -> dict[str, str]:
            return tags()

    with attribution(team="search"):
        run, call, make = carry(Job().run), carry(Job()), carry(Job)
    expected = {"team": "search"}
    assert (run(), call(), make().made_with) == (expected, expected, expected)


def test_what_is_no_function() -> None:
    """A coroutine that was made already is refused, and so is a value."""
    coroutine = asyncio.sleep(0)
    for value in (coroutine, None, "tags"):
        with pytest.raises(TypeError, match=r"carry\(\) takes a function, not "):
            carry(value)  # type: ignore[type-var]
    coroutine.close()


def test_block_left_open(thread: ThreadPoolExecutor) -> None:
    """What a carried function leaves open is not left to the thread."""

    def leave() -> Any:
        block = attribution(app="open")
        block.__enter__()
        return block

    block = thread.submit(carry(leave)).result()
    assert thread.submit(tags).result() == {}
    thread.submit(block.__exit__, None, None, None).result()
    assert thread.submit(tags).result() == {}


def test_open_sums_go_along(client: BaseClient, thread: ThreadPoolExecutor) -> None:
    """A call beyond counts in every block that was open, also once that is left."""
    call = partial(client.converse, modelId=MODEL, messages=MESSAGES)
    with attribution(team="search") as outer:
        with attribution(app="web") as inner:
            carried = carry(call)
            thread.submit(carried).result()
            assert (outer.calls, inner.calls) == (1, 1)
        thread.submit(carried).result()
        thread.submit(call).result()
    assert (outer.calls, inner.calls) == (2, 2)
    assert outer.cost == 2 * COST


def test_stream_read_beyond(
    client: BaseClient, sink: ListSink, thread: ThreadPoolExecutor
) -> None:
    """A stream that is opened here and read there needs nothing carried."""
    with attribution(team="search") as spend:
        answer = client.converse_stream(modelId=MODEL, messages=MESSAGES)
    thread.submit(list, answer["stream"]).result()
    assert [dict(record.tags) for record in sink.records] == [{"team": "search"}]
    assert spend.calls == 1


# Coroutines and generators.


def test_coroutine_functions() -> None:
    """A carried coroutine function is one, and keeps its tags over every await."""

    async def work() -> list[dict[str, str]]:
        first = tags()
        await asyncio.sleep(0)
        return [first, tags()]

    def makes_work() -> Coroutine[Any, Any, list[dict[str, str]]]:
        return work()

    async def main() -> None:
        with attribution(team="search"):
            carried = carry(work)
            hidden = carry(partial(work))
            hidden_well = carry(makes_work)
        assert inspect.iscoroutinefunction(carried)
        assert carried.__name__ == "work"
        with attribution(team="other"):
            expected = [{"team": "search"}] * 2
            assert await carried() == expected
            assert await asyncio.create_task(hidden()) == expected
            assert await asyncio.create_task(hidden_well()) == expected
            assert tags() == {"team": "other"}

    asyncio.run(main())


def test_coroutine_closed_elsewhere() -> None:
    """A carried coroutine that is closed in another context than its own harms none."""

    async def work() -> None:
        await asyncio.sleep(0)

    with attribution(team="search"):
        coroutine = carry(work)()
    contextvars.copy_context().run(coroutine.send, None)
    with attribution(team="here"):
        coroutine.close()
        assert tags() == {"team": "here"}
    assert tags() == {}


def test_generator_functions(thread: ThreadPoolExecutor) -> None:
    """A carried generator has its tags while it runs, whoever asks for its items."""
    with attribution(team="search"):
        carried = carry(border_jobs.steps)
    assert inspect.isgeneratorfunction(carried)
    steps = carried()
    with attribution(team="other"):
        assert next(steps) == {"team": "search"}
        assert tags() == {"team": "other"}
    inner = {"team": "search", "app": "inner"}
    assert thread.submit(next, steps).result() == inner
    assert thread.submit(tags).result() == {}
    assert next(steps) == {"team": "search"}
    assert tags() == {}


def test_async_generator_functions() -> None:
    """And so has a carried async generator, from task to task."""

    async def steps() -> AsyncGenerator[dict[str, str], None]:
        with attribution(app="inner"):
            yield tags()
        await asyncio.sleep(0)
        yield tags()

    async def step(generator: AsyncGenerator[Any, Any], team: str) -> Any:
        with attribution(team=team):
            return await anext(generator), tags()

    async def main() -> None:
        with attribution(team="search"):
            generator = carry(steps)()
        first = await asyncio.create_task(step(generator, "one"))
        assert first == ({"team": "search", "app": "inner"}, {"team": "one"})
        second = await asyncio.create_task(step(generator, "two"))
        assert second == ({"team": "search"}, {"team": "two"})
        await generator.aclose()

    asyncio.run(main())


def test_generator_that_never_starts(thread: ThreadPoolExecutor) -> None:
    """A carried generator that nobody asks for an item runs no line."""

    def steps() -> Iterator[None]:
        raise AssertionError
        yield

    with attribution(team="search"):
        generator = carry(steps)()
        dropped = carry(steps)()
    thread.submit(generator.close).result()
    del dropped
    gc.collect()
    assert list(generator) == []
    assert tags() == {}


@pytest.mark.parametrize("way", ["context", "thread", "collector"])
def test_generator_closed_elsewhere(way: str, thread: ThreadPoolExecutor) -> None:
    """It cleans up with its own tags, and harms neither context."""
    log: list[dict[str, str]] = []

    def steps() -> Iterator[None]:
        try:
            yield
        finally:
            log.append(tags())

    with attribution(team="search"):
        generator = carry(steps)()
    next(generator)
    with attribution(team="here"):
        if way == "context":
            contextvars.copy_context().run(generator.close)
        elif way == "thread":
            thread.submit(generator.close).result()
        else:
            del generator
            gc.collect()
        assert tags() == {"team": "here"}
    assert log == [{"team": "search"}]
    assert tags() == {}
    assert thread.submit(tags).result() == {}


# Processes.


@pytest.fixture
def default_app() -> Iterator[None]:
    """A default recorder with a tag of its own."""
    configure(metrics=False, tags={"app": "default"})
    yield
    configure(metrics=False)


@pytest.mark.usefixtures("default_app")
def test_pickled(simulator: Simulator) -> None:
    """Tags and what was taken away travel; the sums stay here."""
    with attribution(team="search", app=None) as spend:
        sent = pickle.dumps([carry(border_jobs.tags), carry(border_jobs.call)])
    found, call = pickle.loads(sent)  # noqa: S301 -- its own
    assert tags() == {"app": "default"}
    assert found() == {"team": "search"}
    assert call(simulator.endpoint_url) == {"team": "search"}
    assert spend.calls == 0


def test_what_cannot_be_pickled() -> None:
    """A function that no other process finds by name is refused, as without `carry`."""
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(carry(lambda: None))


def teams_in(pool: Executor, url: str) -> list[object]:
    """Tags of calls in the processes of *pool*, from outside of blocks and inside."""
    with attribution(team="search") as spend:
        first = pool.submit(border_jobs.call, url)
        with attribution(app="web", team="ads"):
            second = pool.submit(border_jobs.decorated, url)
        mapped = pool.map(border_jobs.call, [url] * 3, chunksize=2)
    outside = pool.submit(border_jobs.tags)
    found = [first.result(60), second.result(60), *mapped, outside.result(60)]
    return [*found, spend.calls]


CARRIED_TO_PROCESSES = [
    {"team": "search"},
    {"team": "ads", "app": "job"},
    *[{"team": "search"}] * 3,
    {},
    0,  # what was spent there is not known here
]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_process_pools(method: str, simulator: Simulator) -> None:
    """Processes that start from nothing have tags if these are carried to them."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    processes = ProcessPoolExecutor(1, multiprocessing.get_context(method))
    with CarryingExecutor(processes) as pool:
        assert teams_in(pool, simulator.endpoint_url) == CARRIED_TO_PROCESSES
        with attribution(team="search"):
            assert processes.submit(border_jobs.tags).result(60) == {}


@forked
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_pools(simulator: Simulator) -> None:
    """A forked worker keeps the tags of its first job, for all; carried, each its own.

    On Linux before Python 3.14 this is what a `ProcessPoolExecutor` does.
    """
    processes = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    with CarryingExecutor(processes) as pool:
        with attribution(team="first"):
            assert processes.submit(border_jobs.tags).result(60) == {"team": "first"}
        with attribution(team="second"):
            assert processes.submit(border_jobs.tags).result(60) == {"team": "first"}
            assert pool.submit(border_jobs.tags).result(60) == {"team": "second"}
        assert processes.submit(border_jobs.tags).result(60) == {"team": "first"}
        assert teams_in(pool, simulator.endpoint_url) == CARRIED_TO_PROCESSES


def test_pool_and_process_of_multiprocessing(simulator: Simulator) -> None:
    """What `multiprocessing` starts takes carried functions as well."""
    context = multiprocessing.get_context("spawn")
    with attribution(team="search"):
        carried = carry(border_jobs.call)
    with context.Pool(1) as pool:
        assert pool.apply(carried, (simulator.endpoint_url,)) == {"team": "search"}
        found = pool.map(carried, [simulator.endpoint_url] * 2)
        assert found == [{"team": "search"}] * 2
    process = context.Process(target=carried, args=(simulator.endpoint_url,))
    process.start()
    process.join(HANG_S)
    assert process.exitcode == 0


# The executor.


class _Watched(ThreadPoolExecutor):
    """An executor that tells how it was entered, left and shut down."""

    def __init__(self) -> None:
        super().__init__(1)
        self.log: list[object] = []

    def __enter__(self) -> Self:
        self.log.append("entered")
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.log.append(("left", error[0]))
        super().__exit__(*error)  # type: ignore[arg-type]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as Python's
        self.log.append((wait, cancel_futures))
        super().shutdown(wait, cancel_futures=cancel_futures)


def test_executor_ends_as_the_wrapped_one() -> None:
    """Entering, leaving and shutting down are the wrapped executor's."""
    watched = _Watched()
    pool = CarryingExecutor(watched)
    with pytest.raises(ZeroDivisionError), pool as entered:
        divmod(1, 0)
    assert entered is pool
    assert watched.log == ["entered", ("left", ZeroDivisionError), (True, False)]
    watched = _Watched()
    CarryingExecutor(watched).shutdown(wait=False, cancel_futures=True)
    assert watched.log == [(False, True)]
    with pytest.raises(RuntimeError, match="after shutdown"):
        CarryingExecutor(watched).submit(tags)


def test_executor_passes_everything_on() -> None:
    """Arguments, results, errors and timeouts are the wrapped executor's."""
    gate = threading.Event()

    def work(*args: object, **kwargs: object) -> object:
        return args, kwargs

    with CarryingExecutor(ThreadPoolExecutor(1)) as pool:
        job = pool.submit(work, 1, fn=2, self=3)
        assert isinstance(job, Future)
        assert job.result() == ((1,), {"fn": 2, "self": 3})
        assert pool.submit(work, job=1, pool=2).result() == ((), {"job": 1, "pool": 2})
        assert list(pool.map(pow, [2, 3], [4, 2])) == [16, 9]
        slow = pool.map(lambda _: gate.wait(), [1], timeout=0.01)
        with pytest.raises(TimeoutError):
            next(slow)
        gate.set()
        assert isinstance(pool.submit(divmod, 1, 0).exception(), ZeroDivisionError)


# Many at once.


def test_64_threads_of_nested_scopes(client: BaseClient, sink: ListSink) -> None:
    """64 threads that send jobs to one pool: exact sums, and no tag misplaced."""
    start = threading.Barrier(64)
    spends: dict[str, Spend] = {}

    def job(expected: dict[str, str]) -> None:
        assert tags() == expected
        with attribution(step="inside"):
            client.converse(modelId=MODEL, messages=MESSAGES)
        assert tags() == expected

    def work(number: int, pool: Executor) -> None:
        start.wait()
        team = f"t{number}"
        with attribution(team=team) as spends[team]:
            jobs = []
            for step in range(4):
                with attribution(app=f"a{step}", step="outside"):
                    expected = {"team": team, "app": f"a{step}", "step": "outside"}
                    jobs.append(pool.submit(job, expected))
            for sent in jobs:
                sent.result(60)

    with (
        ThreadPoolExecutor(64) as senders,
        ThreadPoolExecutor(64) as threads,
    ):
        pool = CarryingExecutor(threads)
        for sender in [senders.submit(work, n, pool) for n in range(64)]:
            sender.result(60)
        left_behind = {tuple(threads.submit(tags).result()) for _ in range(128)}
    assert left_behind == {()}
    assert {team: spend.calls for team, spend in spends.items()} == {
        f"t{number}": 4 for number in range(64)
    }
    assert {spend.cost for spend in spends.values()} == {4 * COST}
    found = sorted(
        (r.tags["team"], r.tags["app"], r.tags["step"]) for r in sink.records
    )
    assert found == sorted(
        (f"t{number}", f"a{step}", "inside")
        for number in range(64)
        for step in range(4)
    )


# What a program does with tags: enter a block, go to another thread carried or not,
# step through a generator; each around other such steps.
_KINDS = st.sampled_from(["block", "carried", "plain", "generator"])
_PROGRAMS = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.tuples(_KINDS, st.sampled_from("abc"), inner), max_size=3
    ),
    max_leaves=8,
)


@given(_PROGRAMS)
@settings(max_examples=60, deadline=None)
def test_any_nesting(program: list[Any]) -> None:
    """However blocks, threads and generators nest, the tags are as the model says."""
    with ThreadPoolExecutor(16) as threads:

        def follow(program: list[Any], expected: dict[str, str]) -> None:
            assert tags() == expected
            for kind, key, inner in program:
                inside = expected | {key: str(len(expected))}
                if kind == "block":
                    with attribution(**{key: inside[key]}):
                        follow(inner, inside)
                elif kind == "carried":
                    threads.submit(carry(follow), inner, expected).result()
                elif kind == "plain":
                    threads.submit(follow, inner, {}).result()
                else:
                    steps = generate(key, inside, inner)
                    next(steps)
                    assert tags() == expected
                    threads.submit(next, steps, None).result()
                assert tags() == expected

        def generate(
            key: str, inside: dict[str, str], inner: list[Any]
        ) -> Iterator[None]:
            @attribution(**{key: inside[key]})
            def steps() -> Iterator[None]:
                yield
                follow(inner, inside)

            return steps()

        follow(program, {})
