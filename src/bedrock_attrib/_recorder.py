"""The whole flow: a call starts, ends, is recorded, and sinks are told."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from ._attribution import Scope, check_tags, current_scope, with_changes
from ._call import Call, Routes, leave_to_parent, new_kind
from ._drains import Drains
from ._errors import RefusedError
from ._faults import Faults
from ._model_id import ModelRef
from ._open_streams import OpenStreams
from ._processes import is_ending, when_it_ends
from ._profiles import Answer, ProfilePricing, ProfileSource
from ._queue import BatchQueue
from ._readers import status_of_refusal, status_without_answer
from ._record import (
    NO_TAGS,
    CallStart,
    Outcome,
    PriceStatus,
    Reading,
    Tags,
)
from ._reported import Answered, Report, fill, params_of
from ._settler import NOT_READ, Settler
from ._sinks import Guard, SettlingSink, Sink

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from ._baggage import BaggageTags
    from ._config import Config
    from ._request_hash import RequestHasher
    from .pricing import PriceTable

_MOST_TAG_SETS = 4096
_MOST_ENDED = 256
_OK, _ERROR = Outcome.OK, Outcome.ERROR


_now = partial(datetime.now, UTC)


class Recorder:
    """Meters calls, prices them and tells sinks, without ever harming a call.

    Whatever goes wrong inside is contained, counted in ``faults`` and logged once per
    kind. Only a guard's refusal reaches the caller. Safe to use from any thread.

    A call that has ended is settled (read, priced, recorded, told to the sinks) within
    a second on the recorder's own thread (five where hundreds end every second), or at
    once by whoever looks first: a `Spend`, a metric reader, `flush`. Of more than 256
    calls within that time, every 256th settles those before it. With guards, or the
    setting ``immediate``, it is settled on the caller's thread before the call returns.

    Attributes:
        sinks: Told about every finished call, in order.
        guards: Asked before every call, in order.
        baggage_out: Keys of the tags that may be sent on as W3C baggage.
    """

    def __init__(
        self,
        prices: PriceTable | None = None,
        sinks: Sequence[Sink] = (),
        guards: Sequence[Guard] = (),
        config: Config | None = None,
        *,
        profiles: ProfileSource | None = None,
        clock: Callable[[], datetime] = _now,
        faults: Faults | None = None,
    ) -> None:
        """Wire a recorder.

        Args:
            prices: Price table; None for the bundled one, loaded with the first call.
            sinks: Told about every finished call. None are added.
            guards: May refuse calls.
            config: Settings; None for no default tags and no span attributes.
            profiles: Finds out which models application inference profiles stand for;
                None to leave calls through profiles unpriced unless *prices* maps them.
                Whoever made it closes it.
            clock: Gives the current time as aware UTC.
            faults: Where contained faults are counted; None for a count of its own.
        """
        self._faults = Faults() if faults is None else faults
        self.sinks = tuple(sinks)
        self.guards = tuple(guards)
        self._settler = Settler(prices, self.sinks, self._faults)
        self._clock = clock
        self._default_tags = Tags(config.tags) if config is not None else NO_TAGS
        self._drains = _drains_of(config, self._faults)
        self._baggage = (
            _baggage_tags(config.baggage_in, self._faults)
            if config is not None and config.baggage_in
            else None
        )
        self.baggage_out = config.baggage_out if config is not None else ()
        self._has_other_tags = bool(self._default_tags) or self._baggage is not None
        self._current_span = (
            _current_span_getter() if config is not None and config.span_cost else None
        )
        self._hasher = _request_hasher(config)
        self._has_more_to_start = (
            bool(self.guards)
            or self._current_span is not None
            or self._hasher is not None
        )
        self._routes = Routes()
        self._merged_tags: dict[tuple[Tags, frozenset[str], Tags], Tags] = {}
        self._open_streams = OpenStreams(self._faults)
        self._ended: BatchQueue[Call | Answer] = BatchQueue(
            self._settler.settle_all,
            name="bedrock-attrib-recorder",
            faults=self.faults,
            max_pending=_MOST_ENDED,
            may_drop=False,
            before_batch=self._open_streams.look_again,
        )
        is_immediate = bool(guards) or (config is not None and config.immediate)
        self._put = self._put_and_settle if is_immediate else self._ended.put
        if self._current_span is not None and not is_immediate:
            self._put = self._put_before_span_ends
        self._is_closed = False
        self._settle = self.settle  # made once, not for every call
        for sink in self.sinks:
            if isinstance(sink, SettlingSink):
                sink.settle_with(self.settle)
        _RECORDERS.add(self)
        if profiles is not None:
            self._price_by(profiles)

    def _price_by(self, profiles: ProfileSource) -> None:
        self._settler.profiles = ProfilePricing(profiles, self.sinks, self._faults)
        profiles.on_answer(self._profile_answered)
        profiles.settle_with(self.settle)

    @property
    def faults(self) -> Faults:
        """Contained faults."""
        return self._faults

    @property
    def drains(self) -> Drains | None:
        """Who reads abandoned streams on; None to estimate what they used."""
        return self._drains

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        return self._settler.prices()

    @property
    def hashes_requests(self) -> bool:
        """Whether `start` needs all parameters, as it hashes them."""
        return self._hasher is not None

    def tags_of(self, scope: Scope) -> Tags:
        """The tags of a call that starts now, in *scope*.

        The scope's own come first, then what came as baggage, then the default ones.
        """
        came = NO_TAGS if self._baggage is None else self._baggage.read(scope.baggage)
        if not self._default_tags and not came:
            return scope.tags
        key = (scope.tags, scope.removed, came)
        merged = self._merged_tags.get(key)
        if merged is None:
            if len(self._merged_tags) >= _MOST_TAG_SETS:
                self._merged_tags.clear()
            changes = {**came, **dict.fromkeys(scope.removed), **scope.tags}
            merged = with_changes(self._default_tags, changes)
            self._merged_tags[key] = merged
        return merged

    # A call starts.

    def start(self, operation: str, params: Mapping[str, Any], region: str) -> Call:
        """Open a call whose parameters are known.

        Args:
            operation: Operation name as AWS spells it.
            params: Parameters as the caller gave them. Only ``modelId``, the presence
                of a guardrail and, for a few models, billable counts are looked at;
                all of them where requests are hashed.
            region: Calling region.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        route = self._routes[operation, params.get("modelId"), region]
        scope = current_scope()
        tags = self.tags_of(scope) if self._has_other_tags else scope.tags
        call = _OpenCall(self, route, scope, tags, self._clock())
        row = route.operation
        if row.guardrail in params:
            call.has_guardrail = True
        for kept in scope.spends:
            spend = kept()
            if spend is not None:
                spend.settle_with(self._settle)
        if route.read_request is not None and row.request is not None:
            try:
                call.facts = route.read_request(params.get(row.request))
            except Exception as fault:
                self.faults.note("request reader", fault)
        if self._has_more_to_start:
            if self._current_span is not None:
                span = self._current_span()
                if span.is_recording():
                    call.span = span
            if self._hasher is not None:
                self._hash_request(call, params)
            self._ask_guards(call)
        return call

    def _hash_request(self, call: Call, params: Mapping[str, Any] | None) -> None:
        row = call.route.operation
        if self._hasher is None or params is None or row.is_free:
            return
        try:
            call.request_hash = self._hasher.hash(row.name, params)
        except Exception as fault:
            self.faults.note("request hash", fault)

    def _ask_guards(self, call: Call) -> None:
        route = call.route
        start = CallStart(
            route.operation.name, route.model, route.region, call.tags, call.started_at
        )
        for guard in self.guards:
            try:
                guard.check(start)
            except RefusedError as refusal:
                self.refused_by_guard(call, refusal)
                raise
            except Exception as fault:
                self.faults.note(type(guard).__name__, fault)

    # A call is reported that nobody saw.

    def record(  # noqa: PLR0913 -- the facts about a call, nearly all of them optional
        self,
        operation: str,
        answer: Answered = None,
        *,
        model_id: str | None = None,
        region: str,
        headers: Mapping[str, str] | None = None,
        request: Mapping[str, Any] | bytes | str | None = None,
        tags: Mapping[str, str | None] | None = None,
        started_at: datetime | None = None,
        duration_s: float | None = None,
        tier: str | None = None,
        latency_mode: str | None = None,
        error: str | None = None,
        http_status: int | None = None,
    ) -> None:
        """Report a finished call of Bedrock that this library did not see.

        For clients that are not boto3. The call goes the way of every other: its
        answer is read, priced and recorded, sinks are told, and the blocks of
        `attribution` around this line count it. Guards are not asked, as the call has
        been made. Each call to this method is one record: report nothing that an
        instrumented client made.

        Args:
            operation: As AWS spells it, such as ``Converse`` or ``InvokeModel``;
                ``ChatCompletions`` and ``Responses`` for the interfaces of OpenAI,
                ``Messages`` for that of Anthropic.
            answer: What came back. Counts as `Usage`; or the answer as a mapping, as
                botocore gives it or parsed from JSON; or the very body as bytes or
                text; or, for a stream, all its events or chunks in order. None when
                nothing came but, at most, *headers*.
            model_id: Model id, inference profile or ARN, as the caller named it; None
                where the operation has none.
            region: Calling region, which decides the price.
            headers: Headers of the answer, where token counts, the tier and the
                request id may stand.
            request: Body of the request, looked at only for the models whose answers
                do not say what is billed, such as images, and where requests are
                hashed.
            tags: Laid over the tags in force; None as a value takes a key away.
            started_at: Aware time of the start, whose price holds; None for now, less
                *duration_s*.
            duration_s: Seconds from start to end; None when not known.
            tier: Tier that served the call; None for what the answer says, else
                ``default``.
            latency_mode: Latency mode that served the call; None for what the answer
                says, else ``standard``.
            error: Error code or class name of a call that failed; None without one.
            http_status: HTTP status of the answer, which tells whether a failure was
                billed; None when not known.

        Raises:
            ConfigError: If an argument cannot be, such as a time without a zone.

        Example:
            >>> recorder = Recorder()
            >>> with attribution(team="search") as spend:
            ...     recorder.record(
            ...         "Converse",
            ...         {"usage": {"inputTokens": 1200, "outputTokens": 540}},
            ...         model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ...         region="us-east-1",
            ...     )
            >>> spend.calls
            1
        """
        report = Report(
            answer,
            headers or {},
            request,
            started_at,
            duration_s,
            tier,
            latency_mode,
            error,
            http_status,
        )
        route = self._routes[operation, model_id, region]
        report.check(route)
        scope = current_scope()
        own = with_changes(self.tags_of(scope), check_tags(tags or {}))
        call = Call(self, route, scope, own, report.start(self._clock()))
        for kept in scope.spends:
            spend = kept()
            if spend is not None:
                spend.settle_with(self._settle)
        try:
            fill(call, report)
        except Exception as fault:
            self.faults.note("report", fault)
            call.failure = (PriceStatus.UNPRICED, NOT_READ)
        if self._hasher is not None:
            self._hash_request(call, params_of(route.operation, model_id, request))
        if self._current_span is not None:
            call.span = self._current_span()
        self._put(call)

    # A call ends, in one of these ways. Only what cannot wait is done here: reading,
    # pricing and telling happen in batches, which takes a third of the time and none
    # of the caller's.

    def answered(
        self,
        call: Call,
        answer: Reading | Mapping[str, Any],
        error: str | None = None,
    ) -> None:
        """End a call whose answer states its counts.

        Args:
            call: The call.
            answer: What its answer said, or the members of the answer that do.
            error: Class name of what broke its body, if that broke.
        """
        call.answer = answer
        if call.end(_OK if error is None else _ERROR, error):
            self._put(call)

    def answer_lost(self, call: Call) -> None:
        """End a call whose answer came and could not be taken."""
        call.failure = (PriceStatus.UNPRICED, NOT_READ)
        self._end(call, _OK)

    def refused_by_guard(self, call: Call, refusal: RefusedError) -> None:
        """End a call that a guard did not let pass."""
        call.failure = (PriceStatus.FREE, "refused before it was sent")
        self._end(call, Outcome.ERROR, type(refusal).__name__)

    def turned_away(self, call: Call, http_status: int, error: str) -> None:
        """End a call that AWS answered with an error status."""
        call.failure = status_of_refusal(http_status, error)
        self._end(call, Outcome.ERROR, error)

    def unanswered(self, call: Call, error: str, *, was_sent: bool) -> None:
        """End a call that failed without an answer."""
        call.failure = status_without_answer(error, was_sent=was_sent)
        self._end(call, Outcome.ERROR, error)

    def answer_opened(self, call: Call) -> None:
        """Note that *call* now ends with its stream or body."""
        call.share()
        self._open_streams.add(call)
        self._ended.start()

    def stream_ended(self, call: Call, error: str | None = None) -> None:
        """End a call with its stream: read to the end, failed or given up.

        Args:
            call: The call, with the events that were seen.
            error: Error code or class name, if the stream failed.
        """
        self._end(call, None if error is None else Outcome.ERROR, error)

    def stream_drained(self, call: Call) -> None:
        """End a call whose stream was given up, and then read on for its counts.

        The call took as long as its caller read.
        """
        self._end(call, Outcome.ABANDONED, at=call.paused)

    def call_dropped(self, call: Call) -> None:
        """End a call that is collected as garbage; waits for nothing."""
        if call.end(None, call.error, call.paused):
            self._ended.put_from_finalizer(call)

    @property
    def has_open_streams(self) -> bool:
        """Whether somebody may still read on somewhere."""
        return bool(self._open_streams.calls())

    def forget_streams(self) -> None:
        """Leave open streams to the parent process, in a forked child."""
        self._open_streams.forget()

    def look_again(self, is_over: Callable[[], bool]) -> None:
        """Ask *is_over* with every settling, until it says yes; waits for nothing."""
        self._open_streams.pause(is_over)
        self._ended.wake()

    def look_soon(self, is_over: Callable[[], bool]) -> None:
        """As `look_again`, within a second or so; not from a finalizer."""
        self._ended.start()
        self.look_again(is_over)

    def _give_up_streams(self) -> None:
        for call in self._open_streams.calls():
            self.stream_ended(call)

    def _end(
        self,
        call: Call,
        outcome: Outcome | None,
        error: str | None = None,
        at: float | None = None,
    ) -> None:
        if call.end(outcome, error, at):
            self._put(call)

    def _put_and_settle(self, call: Call) -> None:
        self._ended.put(call)
        self._ended.drain()

    def _put_before_span_ends(self, call: Call) -> None:
        self._ended.put(call)
        if call.span is not None:
            self._ended.drain()

    # What has ended is settled: read, priced, recorded, told.

    def settle(self) -> None:
        """Settle every call that has ended, on this thread, unless another is at it.

        Waits for the other for some seconds at most. Once Python ends, streams that
        are still open are given up: this may be what the last collection sees.
        """
        if is_ending():
            self._give_up_streams()
        self._open_streams.look_again()
        self._ended.drain()

    # A profile was looked up: calls that were told without a price are corrected.

    def _profile_answered(self, arn: str, model: ModelRef | None) -> None:
        """Correct the calls through *arn*, on the thread that looked it up.

        By way of the queue, so that a sink is never told two things at once; and a few
        at a time, so that no caller waits long for the queue.
        """
        answer = Answer(arn, model)
        self._ended.put(answer)
        self._ended.drain()
        waiting = self._settler.profiles
        if waiting is not None:
            for _ in range(waiting.corrections_left(arn)):
                self._ended.put(answer)
                self._ended.drain()

    # The end.

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Deliver every finished call to wherever sinks send it.

        Args:
            timeout_s: Seconds to take at most, over all sinks.

        Returns:
            False when a sink failed or the time was not enough.
        """
        deadline = monotonic() + timeout_s
        self._open_streams.look_again()
        is_done = self._ended.drain(timeout_s)
        for sink in self.sinks:
            try:
                is_done &= bool(sink.flush(max(0.0, deadline - monotonic())))
            except Exception as fault:
                self.faults.note(type(sink).__name__, fault)
                is_done = False
        return is_done

    @property
    def is_closed(self) -> bool:
        """Whether it has ended with `close`."""
        return self._is_closed

    def close(self) -> None:
        """End open streams as given up, deliver everything, close the sinks.

        Every recorder that is still in use is closed when Python exits.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self._drains is not None:
            self._drains.close()
        self._give_up_streams()
        self._ended.close()
        self.flush()
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as fault:
                self.faults.note(type(sink).__name__, fault)


_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()


def flush_all(timeout_s: float) -> bool:
    """Flush every recorder that is in use, within *timeout_s* over all of them."""
    deadline = monotonic() + timeout_s
    is_done = True
    for recorder in list(_RECORDERS):
        if recorder.is_closed:
            continue
        try:
            is_done &= recorder.flush(max(0.0, deadline - monotonic()))
        except Exception as fault:  # of a recorder that somebody has derived
            recorder.faults.note("flush", fault)
            is_done = False
    return is_done


def _close_all() -> None:
    for recorder in list(_RECORDERS):
        recorder.close()


_OpenCall = new_kind()


def _leave_calls_to_parent() -> None:
    global _OpenCall  # noqa: PLW0603 -- see `new_kind`
    leave_to_parent(_OpenCall)
    _OpenCall = new_kind()
    for recorder in list(_RECORDERS):
        recorder.forget_streams()


when_it_ends(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_calls_to_parent)


def _drains_of(config: Config | None, faults: Faults) -> Drains | None:
    if config is None or config.abandoned_streams == "estimate":
        return None
    return Drains(
        threads=config.drain_threads,
        max_s=config.drain_max_s,
        max_events=config.drain_max_events,
        faults=faults,
    )


def _request_hasher(config: Config | None) -> RequestHasher | None:
    if config is None or config.request_hash_key is None:
        return None
    from ._request_hash import RequestHasher  # noqa: PLC0415 -- for those who ask for it

    return RequestHasher(config.request_hash_key.get_secret_value())


def _current_span_getter() -> Callable[[], Span]:
    # Tracing takes 30 ms to import, so only those who ask for span attributes pay.
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span


def _baggage_tags(keys: Sequence[str], faults: Faults) -> BaggageTags:
    # Baggage takes some milliseconds to import, for those who let it in.
    from ._baggage import BaggageTags  # noqa: PLC0415

    return BaggageTags(keys, faults)
