"""Whose call it is: blocks, decorators, threads and tasks; and what a block spent."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import enum
import functools
import gc
import inspect
import pickle
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from bedrock_attrib import (
    CallRecord,
    ConfigError,
    Cost,
    Recorder,
    Spend,
    Unit,
    attribution,
    configure,
    current_tags,
    instrument,
)
from bedrock_attrib._attribution.spend import sums_of
from bedrock_attrib._model.tags import Tags
from bedrock_attrib.testing import (
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
NAMELESS = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
# 12 x 3.30 and 8 x 16.50 USD for a million tokens.
CLAUDE_COST = Decimal("0.0001716")
# 12 x 0.035 and 8 x 0.14 USD for a million tokens.
MICRO_COST = Decimal("0.00000154")


def tags() -> dict[str, str]:
    """The tags in force, as a plain dictionary."""
    return dict(current_tags())


# Blocks.


def test_blocks_nest() -> None:
    """Inner tags win, None takes a key away, and leaving a block restores."""
    assert tags() == {}
    with attribution(team="search", app="ranker"):
        with attribution(app="web", experiment="v7"):
            assert tags() == {"team": "search", "app": "web", "experiment": "v7"}
            with attribution(team=None, unknown=None):
                assert tags() == {"app": "web", "experiment": "v7"}
            assert tags() == {"team": "search", "app": "web", "experiment": "v7"}
        assert tags() == {"team": "search", "app": "ranker"}
    assert tags() == {}


def test_block_without_tags() -> None:
    """A block may be there for its sum alone."""
    with attribution(team="search"), attribution() as spend:
        assert tags() == {"team": "search"}
    assert spend.calls == 0


def test_exception_leaves_the_block() -> None:
    """An exception passes unchanged and restores what was in force."""
    error = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught, attribution(team="search"):
        raise error
    assert caught.value is error
    assert tags() == {}


def test_one_object_twice() -> None:
    """One object may be entered again once it has been left, not while it is open."""
    block = attribution(team="search")
    with block as first:
        assert tags() == {"team": "search"}
        with pytest.raises(ConfigError, match="is already active; create a new one"):
            block.__enter__()
        assert tags() == {"team": "search"}
    with attribution(app="web"), block as second:
        assert tags() == {"app": "web", "team": "search"}
    assert first is not second


def test_leaving_twice() -> None:
    """Leaving a block that is not open does nothing."""
    block = attribution(team="search")
    block.__exit__(None, None, None)
    with attribution(app="web"):
        with block:
            pass
        block.__exit__(None, None, None)
        assert tags() == {"app": "web"}


def test_leaving_elsewhere() -> None:
    """A block that is left in another context than it was entered in harms neither."""
    block = attribution(team="search")
    contextvars.copy_context().run(block.__enter__)
    with attribution(app="web"):
        block.__exit__(None, None, None)
        assert tags() == {"app": "web"}


# The border.


class _Team(str, enum.Enum):  # noqa: UP042 -- as applications have them
    SEARCH = "search"


class _StrTeam(enum.StrEnum):
    SEARCH = "search"


class _Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize("value", [_Team.SEARCH, _StrTeam.SEARCH, _Text("search")])
def test_enumerations_are_their_value(value: str) -> None:
    """A member of an enumeration of text is the text that was checked."""
    with attribution(team=value):
        assert tags() == {"team": "search"}
        assert type(current_tags()["team"]) is str


GOOD = [
    "a",
    "x" * 256,
    "Team 7_.:/=+-@",
    "équipe",
    "検索",
    "поиск",
    "٣",
    " ",
]


@pytest.mark.parametrize("value", GOOD)
def test_values(value: str) -> None:
    """Letters and digits of every script, spaces and a few signs; nothing is cut."""
    with attribution(team=value):
        assert tags() == {"team": value}


BAD: dict[str, tuple[object, str]] = {
    "number": (7, "tag 'team' is int 7; expected text: pass str(value), or None"),
    "bytes": (b"x", "tag 'team' is bytes b'x'; expected text"),
    "truth": (False, "tag 'team' is bool False; expected text"),
    "empty": ("", "tag 'team' has 0 characters; expected 1 to 256: shorten it"),
    "long": ("x" * 257, "tag 'team' has 257 characters; expected 1 to 256"),
    "line": (
        "a\nb",
        "tag 'team' contains ['\\n']; allowed are letters, digits, spaces",
    ),
    "line at the end": ("a\n", "tag 'team' contains ['\\n']; allowed are"),
    "signs": ("a,b;b{}", "tag 'team' contains [',', ';', '{', '}']; allowed are"),
    "emoji": ("🐎", "tag 'team' contains ['🐎']; allowed are"),
    "combining": ("e\u0301", "tag 'team' contains ['\u0301']; allowed are"),
    "surrogate": ("\ud800", "tag 'team' contains ['\\ud800']; allowed are"),
    "zero": ("a\0", "tag 'team' contains ['\\x00']; allowed are"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values(case: str) -> None:
    """A value that AWS would not take is refused where it is set, and named."""
    value, message = BAD[case]
    with pytest.raises(ConfigError) as caught:
        attribution(team=value)  # type: ignore[arg-type]  # what is refused
    assert str(caught.value).startswith(message)


BAD_KEYS = {
    "": "tag key has 0 characters; expected 1 to 128",
    "k" * 129: "tag key has 129 characters; expected 1 to 128",
    "team!": "tag key contains ['!']; allowed are",
}


@pytest.mark.parametrize("key", BAD_KEYS, ids=["empty", "long", "sign"])
def test_bad_keys(key: str) -> None:
    """Keys are held to their own length, with or without a value."""
    for value in ("search", None):
        with pytest.raises(ConfigError) as caught:
            attribution(**{key: value})
        assert str(caught.value).startswith(BAD_KEYS[key])


def test_longest_key() -> None:
    """A key may be as long as AWS allows, and holds what values hold."""
    key = "k" * 124 + " .:/"
    with attribution(**{key: "x"}):
        assert tags() == {key: "x"}


def test_number_of_tags() -> None:
    """Fifty tags at most, in one block or in all that are open."""
    fifty = {f"key-{number}": "x" for number in range(50)}
    with pytest.raises(ConfigError, match="51 tags given; at most 50 are allowed"):
        attribution(more="x", **fifty)
    with attribution(**fifty):
        assert len(current_tags()) == 50
        with attribution(**{"key-0": "y"}):
            assert len(current_tags()) == 50
        with attribution(more="x", **{"key-0": None}):
            assert len(current_tags()) == 50
        block = attribution(more="x")
        with pytest.raises(ConfigError, match="51 tags would be in force with those"):
            block.__enter__()
        assert len(current_tags()) == 50
        with attribution(**{"key-0": None}), block:
            assert tags()["more"] == "x"


# Tags as values.

texts = st.text(max_size=5)
pairs = st.dictionaries(texts, texts, max_size=5)


@settings(deadline=None)
@given(pairs, pairs)
def test_tags_are_values(one: dict[str, str], other: dict[str, str]) -> None:
    """Tags equal any mapping with the same pairs, hash alike, and cross processes."""
    found = Tags(one)
    assert found == one
    assert dict(found) == one
    assert len(found) == len(one)
    assert (found == Tags(other)) == (one == other)
    assert found == Tags(dict(reversed(one.items())))
    assert hash(found) == hash(Tags(dict(reversed(one.items()))))
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 -- our own
    assert again == found
    assert hash(again) == hash(found)
    assert found != 3
    assert repr(found) == f"Tags({one!r})"


# Decorators.


def test_function() -> None:
    """Each call of a function runs in a block of its own; name and result stay."""

    @attribution(app="ranker")
    def rank(number: int, *, by: str = "x") -> tuple[int, str, dict[str, str]]:
        """Rank."""
        return number, by, tags()

    with attribution(team="search"):
        expected = {"team": "search", "app": "ranker"}
        assert rank(3, by="y") == (3, "y", expected)
        assert rank(4) == (4, "x", expected)
        assert tags() == {"team": "search"}
    assert rank.__name__ == "rank"
    assert rank.__doc__ == "Rank."
    assert list(inspect.signature(rank).parameters) == ["number", "by"]


def test_recursion() -> None:
    """A decorated function may call itself."""

    @attribution(app="ranker")
    def fall(depth: int) -> dict[str, str]:
        return fall(depth - 1) if depth else tags()

    assert fall(20) == {"app": "ranker"}
    assert tags() == {}


def test_function_that_raises() -> None:
    """The exception passes, and the caller's tags are in force again."""

    @attribution(app="ranker")
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert tags() == {}


def test_methods() -> None:
    """Methods of each kind, the decorator above or below the others."""

    class Service:
        @attribution(app="method")
        def method(self) -> tuple[object, dict[str, str]]:
            return self, tags()

        @classmethod
        @attribution(app="class below")
        def class_below(cls) -> tuple[object, dict[str, str]]:
            return cls, tags()

        @attribution(app="class above")
        @classmethod
        def class_above(cls) -> tuple[object, dict[str, str]]:
            return cls, tags()

        @staticmethod
        @attribution(app="static below")
        def static_below() -> dict[str, str]:
            return tags()

        @attribution(app="static above")
        @staticmethod
        def static_above() -> dict[str, str]:
            return tags()

    service = Service()
    assert service.method() == (service, {"app": "method"})
    assert service.class_below() == (Service, {"app": "class below"})
    found: Any = service.class_above
    assert found() == (Service, {"app": "class above"})
    assert service.static_below() == {"app": "static below"}
    assert service.static_above() == {"app": "static above"}


@pytest.mark.parametrize("target", [3, None, "text", int, Simulator])
def test_what_is_no_function(target: Any) -> None:
    """A class or a value is refused with what it is."""
    with pytest.raises(TypeError) as caught:
        attribution(team="search")(target)
    assert str(caught.value) == (
        f"attribution() decorates functions and methods, not {target!r}"
    )


def test_callable_objects() -> None:
    """Partials and objects with a call are decorated as functions are."""

    class Rank:
        def __call__(self, number: int) -> tuple[int, dict[str, str]]:
            return number, tags()

    assert attribution(app="ranker")(Rank())(3) == (3, {"app": "ranker"})
    partial = functools.partial(Rank(), 4)
    assert attribution(app="ranker")(partial)() == (4, {"app": "ranker"})


def test_coroutine() -> None:
    """A coroutine keeps its tags over every await; its kind and its result stay."""

    @attribution(app="ranker")
    async def rank(number: int) -> tuple[int, dict[str, str]]:
        await asyncio.sleep(0)
        return number, tags()

    async def main() -> None:
        found = await asyncio.gather(rank(1), rank(2))
        assert list(found) == [(1, {"app": "ranker"}), (2, {"app": "ranker"})]
        assert tags() == {}

    assert inspect.iscoroutinefunction(rank)
    asyncio.run(main())


def test_cancelled_coroutine() -> None:
    """Cancellation passes through, and the caller's tags are in force again."""

    @attribution(app="ranker")
    async def wait() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        with attribution(team="search"):
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert tags() == {"team": "search"}

    asyncio.run(main())


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that hides what kind of function it wraps."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def test_hidden_coroutine() -> None:
    """A coroutine behind another decorator has its tags while it is awaited."""

    @attribution(app="ranker")
    @hidden
    async def rank() -> dict[str, str]:
        await asyncio.sleep(0)
        return tags()

    class Rank:
        async def __call__(self) -> dict[str, str]:
            await asyncio.sleep(0)
            return tags()

    async def main() -> None:
        assert await rank() == {"app": "ranker"}
        assert await attribution(app="object")(Rank())() == {"app": "object"}
        partial = functools.partial(Rank())
        assert await attribution(app="partial")(partial)() == {"app": "partial"}
        assert tags() == {}

    asyncio.run(main())


def test_hidden_generators() -> None:
    """Generators behind another decorator have their tags while they run."""

    @attribution(app="ranker")
    @hidden
    def rank() -> Iterator[dict[str, str]]:
        yield tags()

    @attribution(app="async")
    @hidden
    async def rank_async() -> AsyncGenerator[dict[str, str], None]:
        yield tags()

    async def main() -> list[dict[str, str]]:
        return [item async for item in rank_async()]

    assert list(rank()) == [{"app": "ranker"}]
    assert asyncio.run(main()) == [{"app": "async"}]
    assert tags() == {}


def test_coroutine_made_sync() -> None:
    """What another decorator has made of a coroutine stays what it is."""

    def run(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call() -> Any:
            return asyncio.run(function())

        return call

    @attribution(app="ranker")
    @run
    async def rank() -> dict[str, str]:
        return tags()

    assert rank() == {"app": "ranker"}


def test_context_manager_stays_one() -> None:
    """A decorated context manager can still be entered."""

    @attribution(app="ranker")
    @contextmanager
    def opened() -> Iterator[int]:
        yield 3

    with opened() as found:
        assert found == 3


# Generators.


@attribution(app="gen")
def echo(log: list[object]) -> Generator[object, object, str]:
    """Yields tags, then whatever it was sent or thrown, and returns a value."""
    received: object = None
    try:
        while received != "stop":
            try:
                received = yield (received, tags())
            except KeyError as error:
                received = repr(error)
        return "done"
    finally:
        log.append(("closed", tags()))


def test_generator_only_while_it_runs() -> None:
    """A generator's tags are in force in its code, not in the code that iterates."""
    log: list[object] = []
    generator = echo(log)
    with attribution(team="search"):
        assert next(generator) == (None, {"team": "search", "app": "gen"})
        assert tags() == {"team": "search"}
    with attribution(team="other"):
        expected = ("x", {"team": "search", "app": "gen"})
        assert generator.send("x") == expected
        assert tags() == {"team": "other"}
    generator.close()
    assert log == [("closed", {"team": "search", "app": "gen"})]
    assert tags() == {}


def test_generator_protocol() -> None:
    """Send, throw, return value and close are those of the generator."""
    log: list[object] = []
    generator = echo(log)
    next(generator)
    assert generator.send("a") == ("a", {"app": "gen"})
    assert generator.throw(KeyError("k")) == ("KeyError('k')", {"app": "gen"})
    assert generator.send("b") == ("b", {"app": "gen"})
    with pytest.raises(StopIteration) as caught:
        generator.send("stop")
    assert caught.value.value == "done"
    with pytest.raises(StopIteration):
        next(generator)
    assert inspect.isgeneratorfunction(echo)


def test_generator_delegation() -> None:
    """`yield from` a decorated generator gives its value."""

    def outer() -> Generator[object, object, str]:
        return (yield from echo([]))

    generator = outer()
    next(generator)
    with pytest.raises(StopIteration) as caught:
        generator.send("stop")
    assert caught.value.value == "done"


def test_generator_that_raises() -> None:
    """An exception in a generator, its own or thrown, reaches who iterates."""
    log: list[object] = []
    generator = echo(log)
    next(generator)
    with pytest.raises(ValueError, match="mine"):
        generator.throw(ValueError("mine"))
    assert log == [("closed", {"app": "gen"})]
    assert tags() == {}


def test_generator_that_will_not_close() -> None:
    """A generator that goes on after it was closed is told so, as without us."""

    @attribution(app="gen")
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()
    assert tags() == {}


def test_generator_that_is_dropped() -> None:
    """A generator that is collected half-way cleans up in its own scope."""
    log: list[object] = []
    generator = echo(log)
    next(generator)
    del generator
    gc.collect()
    assert log == [("closed", {"app": "gen"})]
    assert tags() == {}


def test_generator_that_never_starts() -> None:
    """A generator that nobody iterates over does nothing."""
    log: list[object] = []
    echo(log).close()
    assert log == []


def test_block_inside_a_generator() -> None:
    """A block inside a decorated generator holds over its yields, and only there."""

    @attribution(app="gen")
    def rank() -> Iterator[dict[str, str]]:
        with attribution(experiment="v7"):
            yield tags()
            yield tags()
        yield tags()

    inside = {"app": "gen", "experiment": "v7"}
    generator = rank()
    assert next(generator) == inside
    assert tags() == {}
    with attribution(team="other"):
        assert next(generator) == inside
        assert tags() == {"team": "other"}
    assert next(generator) == {"app": "gen"}
    assert list(generator) == []


def test_interleaved_generators() -> None:
    """Generators that take turns do not mix up their tags."""

    def make(name: str) -> Iterator[dict[str, str]]:
        @attribution(app=name)
        def steps() -> Iterator[dict[str, str]]:
            for _ in range(3):
                yield tags()

        return steps()

    found = list(zip(make("one"), make("two"), strict=True))
    assert found == [({"app": "one"}, {"app": "two"})] * 3


@attribution(app="agen")
async def aecho(log: list[object]) -> AsyncGenerator[object, object]:
    """The async twin of `echo`."""
    received: object = None
    try:
        while received != "stop":
            try:
                await asyncio.sleep(0)
                received = yield (received, tags())
            except KeyError as error:
                received = repr(error)
    finally:
        await asyncio.sleep(0)
        log.append(("closed", tags()))


def test_async_generator_protocol() -> None:
    """asend, athrow and aclose are those of the generator, in its own scope."""
    log: list[object] = []

    async def main() -> None:
        generator = aecho(log)
        with attribution(team="search"):
            first = await anext(generator)
            assert first == (None, {"team": "search", "app": "agen"})
            assert tags() == {"team": "search"}
        inside = {"team": "search", "app": "agen"}
        assert await generator.asend("a") == ("a", inside)
        found = await generator.athrow(KeyError("k"))
        assert found == ("KeyError('k')", inside)
        assert await generator.asend("b") == ("b", inside)
        assert tags() == {}
        await generator.aclose()
        assert log == [("closed", inside)]
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        assert tags() == {}

    assert inspect.isasyncgenfunction(aecho)
    asyncio.run(main())


def test_async_generator_ends_and_raises() -> None:
    """An async generator may end by itself or by an exception."""
    log: list[object] = []

    async def main() -> None:
        generator = aecho(log)
        await anext(generator)
        with pytest.raises(StopAsyncIteration):
            await generator.asend("stop")
        generator = aecho(log)
        await anext(generator)
        with pytest.raises(ValueError, match="mine"):
            await generator.athrow(ValueError("mine"))
        assert tags() == {}

    asyncio.run(main())
    assert log == [("closed", {"app": "agen"})] * 2


def test_async_generator_across_tasks() -> None:
    """Steps of one async generator in different tasks have its tags, and only they."""

    async def step(generator: AsyncGenerator[Any, Any], team: str) -> None:
        with attribution(team=team):
            _, inside = await anext(generator)
            assert inside == {"team": "first", "app": "agen"}
            assert tags() == {"team": team}

    async def main() -> None:
        generator = aecho([])
        for team in ("first", "second", "third"):
            await asyncio.create_task(step(generator, team))
        await generator.aclose()

    asyncio.run(main())


# Generators that are not decorated hold their blocks open over their yields, in the
# context of whoever iterates. Decorating them is better; but nothing may stay behind.


def blocks(team: str) -> Iterator[dict[str, str]]:
    """A generator with a block of its own, as applications write them."""
    with attribution(team=team):
        while True:
            yield tags()


def test_open_block_of_a_generator() -> None:
    """A block that a generator has open holds for its consumer, until it is closed."""
    generator = blocks("gen")
    assert next(generator) == {"team": "gen"}
    assert tags() == {"team": "gen"}
    generator.close()
    assert tags() == {}


def test_blocks_left_in_the_order_of_entering() -> None:
    """Of two generators that take turns, none leaves its tags behind."""
    one, other = blocks("one"), blocks("other")
    next(one)
    next(other)
    one.close()
    assert tags() == {"team": "other"}
    other.close()
    assert tags() == {}


def test_generator_closed_in_a_later_block() -> None:
    """A generator that is dropped inside a block does not end that block."""
    generator = blocks("gen")
    next(generator)
    with attribution(app="web"):
        del generator
        gc.collect()
        assert tags()["app"] == "web"
    assert tags() == {}


def test_generator_closed_by_another_thread() -> None:
    """The thread that started it gets rid of its tags, and so does a block there."""
    generator = blocks("gen")
    next(generator)
    assert tags() == {"team": "gen"}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(generator.close).result()
        assert pool.submit(tags).result() == {}
    with attribution(app="web"):
        assert tags() == {"app": "web"}
    assert tags() == {}


def test_what_inherited_a_block_keeps_it() -> None:
    """A context that was copied inside a block has its tags, however that was left."""
    generator = blocks("gen")
    next(generator)
    inherited = contextvars.copy_context()
    with attribution(app="web"):
        generator.close()
    assert tags() == {}
    assert inherited.run(tags) == {"team": "gen"}


def test_generator_finished_in_a_copied_context() -> None:
    """A block that is left in a copy of its context ends there, and where it began."""
    generator = blocks("gen")
    next(generator)

    def finish() -> dict[str, str]:
        generator.close()
        return tags()

    assert contextvars.copy_context().run(finish) == {}
    assert tags() == {}
    with attribution(app="web"):
        inside = blocks("gen")
        next(inside)
        generator = inside
        assert contextvars.copy_context().run(finish) == {"app": "web"}
        assert tags() == {"app": "web"}


def test_block_inside_an_async_generator_across_tasks() -> None:
    """A block that is entered in one task and left in another ends for both."""

    @attribution(app="agen")
    async def rank() -> AsyncGenerator[dict[str, str], None]:
        with attribution(experiment="v7"):
            yield tags()
            yield tags()
        yield tags()

    async def step(generator: AsyncGenerator[Any, Any]) -> tuple[Any, dict[str, str]]:
        return await anext(generator), tags()

    async def main() -> None:
        generator = rank()
        found = [await asyncio.create_task(step(generator)) for _ in range(3)]
        inside = {"app": "agen", "experiment": "v7"}
        assert found == [(inside, {}), (inside, {}), ({"app": "agen"}, {})]

    asyncio.run(main())


class _Walk(RuleBasedStateMachine):
    """Blocks that are opened and closed in any order, in the contexts of two threads.

    The model: in each context the numbers of the open blocks, in the order of entering.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contexts = [contextvars.Context(), contextvars.Context()]
        self.open: list[list[int]] = [[], []]
        self.generators: dict[int, Iterator[dict[str, str]]] = {}
        self.number = 0

    @rule(where=st.integers(0, 1))
    def enter(self, where: int) -> None:
        self.number += 1
        generator = self.generators[self.number] = blocks(str(self.number))
        inside = self.contexts[where].run(next, generator)
        assert inside == {"team": str(self.number)}
        self.open[where].append(self.number)

    @precondition(lambda self: self.generators)
    @rule(choice=st.randoms(use_true_random=False), where=st.integers(0, 1))
    def close(self, choice: Any, where: int) -> None:
        number = choice.choice(sorted(self.generators))
        self.contexts[where].run(self.generators.pop(number).close)
        self.open = [[n for n in numbers if n != number] for numbers in self.open]

    @invariant()
    def tags_of_the_innermost(self) -> None:
        for context, numbers in zip(self.contexts, self.open, strict=True):
            expected = {"team": str(numbers[-1])} if numbers else {}
            assert context.run(tags) == expected


TestBlocksInAnyOrder = _Walk.TestCase
TestBlocksInAnyOrder.settings = settings(max_examples=60, stateful_step_count=25)


# Threads and tasks.


def test_new_threads_start_without_tags() -> None:
    """A thread has no tags but those that it sets, or that were handed to it."""
    with attribution(team="search"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(tags).result() == {}
        context = contextvars.copy_context()
        assert pool.submit(context.run, tags).result() == {"team": "search"}
        assert pool.submit(tags).result() == {}


def test_tasks_inherit() -> None:
    """Tasks and `to_thread` keep the tags of who started them, and change their own."""

    async def child(name: str) -> dict[str, str]:
        with attribution(app=name):
            await asyncio.sleep(0.001)
            return await asyncio.to_thread(tags)

    async def main() -> None:
        with attribution(team="search"):
            found = await asyncio.gather(*(child(f"a{n}") for n in range(20)))
            assert tags() == {"team": "search"}
        assert found == [{"team": "search", "app": f"a{n}"} for n in range(20)]

    asyncio.run(main())


def test_64_threads() -> None:
    """64 threads that open and leave blocks at once never see another's tags."""
    start = threading.Barrier(64)

    @attribution(kind="decorated")
    def inside() -> dict[str, str]:
        return tags()

    def work(number: int) -> None:
        start.wait()
        for step in range(50):
            with attribution(team=f"t{number}", step=str(step)):
                expected = {"team": f"t{number}", "step": str(step)}
                assert tags() == expected
                assert inside() == expected | {"kind": "decorated"}
            assert tags() == {}

    with ThreadPoolExecutor(64) as pool:
        for job in [pool.submit(work, number) for number in range(64)]:
            job.result()


# Spend.


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as running:
        running.reply(Reply(error="ThrottlingException"), model_id="refused")
        yield running


@pytest.fixture
def client(simulator: Simulator) -> BaseClient:
    """A metered client."""
    return instrument(simulator.client(), recorder=Recorder())


def converse(client: BaseClient, model_id: str = CLAUDE) -> None:
    """One call of 12 tokens in and 8 out."""
    client.converse(modelId=model_id, messages=MESSAGES)


def test_spend_of_nested_blocks(client: BaseClient) -> None:
    """An outer block counts what its inner ones spent; siblings do not."""
    with attribution(team="search") as outer:
        converse(client)
        with attribution(app="one") as one:
            converse(client)
            converse(client, MICRO)
        with attribution(app="two", team=None) as two:
            converse(client, MICRO)
    found = [(spend.calls, spend.cost) for spend in (outer, one, two)]
    assert found == [
        (4, 2 * CLAUDE_COST + 2 * MICRO_COST),
        (2, CLAUDE_COST + MICRO_COST),
        (1, MICRO_COST),
    ]
    assert outer.usage == {Unit.INPUT_TOKEN: 48, Unit.OUTPUT_TOKEN: 32}
    assert outer.by_model == {
        "anthropic.claude-sonnet-4-5-20250929-v1:0": 2 * CLAUDE_COST,
        "amazon.nova-micro-v1:0": 2 * MICRO_COST,
    }


def test_spend_begins_with_nothing() -> None:
    """A block without calls spent nothing, exactly."""
    with attribution(team="search") as spend:
        pass
    assert (spend.cost, spend.calls, spend.unpriced_calls) == (Decimal(0), 0, 0)
    assert spend.usage == {}
    assert spend.by_model == {}
    assert repr(spend) == "Spend(cost=0, calls=0)"


def test_spend_is_there_at_once(client: BaseClient) -> None:
    """Figures include every call that has returned, inside the block and after it."""
    with attribution(team="search") as spend:
        for number in range(1, 4):
            converse(client)
            assert spend.calls == number
            assert spend.cost == number * CLAUDE_COST
    assert repr(spend) == "Spend(cost=0.0005148, calls=3)"


def test_spend_of_two_recorders(simulator: Simulator) -> None:
    """Calls of clients with recorders of their own are all there at once."""
    clients = [
        instrument(simulator.client(), recorder=Recorder(sinks=(ListSink(),)))
        for _ in range(3)
    ]
    with attribution(team="search") as spend:
        for number, each in enumerate(clients * 2, start=1):
            converse(each)
            assert spend.calls == number
    assert spend.cost == 6 * CLAUDE_COST


def test_late_stream(client: BaseClient) -> None:
    """A stream that is read after its block has ended counts there all the same."""
    with attribution(team="search") as spend:
        stream = client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"]
    assert spend.calls == 0
    with attribution(team="other") as other:
        assert list(stream)
    assert (spend.calls, spend.cost) == (1, CLAUDE_COST)
    assert other.calls == 0


def test_unpriced_calls(client: BaseClient) -> None:
    """What has no price is counted apart, and its usage is there; refusals are free."""
    with attribution(team="search") as spend:
        converse(client)
        converse(client, NAMELESS)
        with suppress(ClientError):
            converse(client, "refused")
    assert (spend.calls, spend.unpriced_calls) == (3, 1)
    assert spend.cost == CLAUDE_COST
    assert spend.usage == {Unit.INPUT_TOKEN: 24, Unit.OUTPUT_TOKEN: 16}
    assert spend.by_model == {"anthropic.claude-sonnet-4-5-20250929-v1:0": CLAUDE_COST}


def test_partly_priced_call(simulator: Simulator, client: BaseClient) -> None:
    """The known part of a call that is not wholly priced is in the cost."""
    usage = tokens(input_tokens=1_000_000, cache_write_30m_tokens=5)
    simulator.reply(Reply(usage=usage, tell_cache_lifetimes=False), times=1)
    with attribution(team="search") as spend:
        client.converse(
            modelId=CLAUDE,
            messages=MESSAGES,
            guardrailConfig={"guardrailIdentifier": "g", "guardrailVersion": "1"},
        )
    assert spend.unpriced_calls == 1
    assert spend.cost > Decimal("3.3")


def test_spend_does_not_hang_on_the_context(client: BaseClient) -> None:
    """Sums are exact whatever decimal context the application has set."""
    coarse = decimal.Context(prec=2, traps=[decimal.Inexact, decimal.Rounded])
    with decimal.localcontext(coarse), attribution(team="search") as spend:
        for _ in range(7):
            converse(client)
        assert spend.cost == Decimal("0.0012012")
        assert spend.by_model == {
            "anthropic.claude-sonnet-4-5-20250929-v1:0": Decimal("0.0012012")
        }


def test_figures_are_copies(client: BaseClient) -> None:
    """What a block gives out does not change, and changing it changes nothing."""
    with attribution(team="search") as spend:
        converse(client)
        usage, by_model = spend.usage, dict(spend.by_model)
        converse(client)
    assert usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}
    by_model.clear()
    assert spend.cost == 2 * CLAUDE_COST


def test_calls_of_decorated_functions(client: BaseClient) -> None:
    """Calls in decorated functions, generators and coroutines count around them."""

    @attribution(app="function")
    def one() -> None:
        converse(client)

    @attribution(app="generator")
    def two() -> Iterator[None]:
        converse(client)
        yield
        converse(client)

    @attribution(app="coroutine")
    async def three() -> None:
        await asyncio.to_thread(converse, client)

    with attribution(team="search") as spend:
        one()
        assert list(two()) == [None]
        asyncio.run(three())
    assert (spend.calls, spend.cost) == (4, 4 * CLAUDE_COST)


def test_readers_while_others_add(client: BaseClient) -> None:
    """Figures may be read from any thread while calls end in others."""
    with attribution(team="search") as spend:
        context = contextvars.copy_context()

    def call() -> None:
        for _ in range(20):
            context.copy().run(converse, client)

    def look() -> None:
        for _ in range(50):
            # A call more may end between two looks, but never half of one.
            assert spend.usage.get(Unit.INPUT_TOKEN, 0) % 12 == 0
            assert spend.cost % CLAUDE_COST == 0

    with ThreadPoolExecutor(8) as pool:
        # Inside the block's context, though the block has been left.
        jobs = [pool.submit(job) for job in [call, look] * 4]
        for job in jobs:
            job.result()
    assert spend.calls == 80
    assert spend.cost == 80 * CLAUDE_COST


# Prices that come late.


@pytest.fixture
def late(simulator: Simulator) -> tuple[CallRecord, CallRecord]:
    """A record of a call whose model is hidden, and the same with its model known."""
    sink = ListSink()
    client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
    converse(client, NAMELESS)
    converse(client, CLAUDE)
    before, known = sink.records
    after = before._replace(
        model=known.model._replace(requested=NAMELESS),
        cost=known.cost,
        price_status=known.price_status,
        price_reason=known.price_reason,
        price_reason_code=known.price_reason_code,
    )
    return before, after


def test_late_price(late: tuple[CallRecord, CallRecord]) -> None:
    """A price that comes late takes the place of none: one call, one usage."""
    before, after = late
    spend = Spend()
    for _ in range(3):
        sums_of(spend).add(before)
    assert (spend.calls, spend.unpriced_calls, spend.cost) == (3, 3, Decimal(0))
    sums_of(spend).correct(before, after)
    sums_of(spend).correct(before, after)
    assert (spend.calls, spend.unpriced_calls) == (3, 1)
    assert spend.cost == 2 * CLAUDE_COST
    assert spend.usage == {Unit.INPUT_TOKEN: 36, Unit.OUTPUT_TOKEN: 24}
    assert spend.by_model == {
        "anthropic.claude-sonnet-4-5-20250929-v1:0": 2 * CLAUDE_COST
    }


def test_price_taken_back(late: tuple[CallRecord, CallRecord]) -> None:
    """A price that is taken back leaves no model with an amount of zero."""
    before, after = late
    spend = Spend()
    sums_of(spend).add(after)
    assert spend.cost == CLAUDE_COST
    sums_of(spend).correct(after, before)
    assert (spend.calls, spend.unpriced_calls, spend.cost) == (1, 1, Decimal(0))
    assert spend.by_model == {}
    assert spend.usage == {Unit.INPUT_TOKEN: 12, Unit.OUTPUT_TOKEN: 8}


def test_given_amounts(late: tuple[CallRecord, CallRecord]) -> None:
    """Amounts that were given, not multiplied out, are added and taken back exactly."""
    before, after = late
    assert after.cost is not None
    amount = Decimal("0.123456789012345678901234567890123456789")
    given = after._replace(cost=Cost(amount, "USD", {}, after.cost.rates))
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact])):
        spend = Spend()
        sums_of(spend).add(given)
        sums_of(spend).add(given)
        sums_of(spend).correct(given, before)
        assert spend.cost == amount
        sums_of(spend).correct(given, before)
        assert spend.cost == 0
        assert spend.by_model == {}
    assert (spend.calls, spend.unpriced_calls) == (2, 2)


def test_correction_without_usage(late: tuple[CallRecord, CallRecord]) -> None:
    """A call whose usage nobody knows has nothing to take back."""
    before, _ = late
    unknown = before._replace(usage=None)
    spend = Spend()
    sums_of(spend).add(unknown)
    sums_of(spend).correct(unknown, unknown._replace(model=before.model))
    assert (spend.calls, spend.unpriced_calls, spend.cost) == (1, 1, Decimal(0))
    assert spend.usage == {}


def test_default_tags_stand_below_blocks() -> None:
    """Default tags are in force where no block says otherwise."""
    configure(tags={"team": "default", "app": "web"}, metrics=False)
    try:
        assert tags() == {"team": "default", "app": "web"}
        with attribution(team="search"):
            assert tags() == {"team": "search", "app": "web"}
    finally:
        configure(metrics=False)
    assert tags() == {}


def test_spend_is_told_by_class() -> None:
    """What a block yields is a Spend."""
    with attribution() as spend:
        assert type(spend) is Spend
