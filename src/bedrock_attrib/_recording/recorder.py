"""The whole flow: a call starts, ends, is recorded, and sinks are told."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Any

from .._attribution import (
    AttributionContext,
    check_tags,
    current_attribution,
    with_changes,
)
from .._model.record import (
    NO_TAGS,
    CallStart,
    Tags,
    moment,
)
from .._runtime.contained_errors import Faults
from .._runtime.shutdown import when_it_ends
from .._sinks.protocols import Guard, SettlingSink, Sink
from ..errors import RefusedError
from .call import Call
from .call_target import Routes
from .finalizer import USAGE_UNREADABLE, Settler
from .late_pricing import ProfileSource
from .lifecycle import Endings
from .manual import Answered, Report, fill, params_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from .._attribution.incoming_baggage import BaggageTags
    from .._config import Config
    from ..pricing import PriceTable
    from .request_hash import RequestHasher

_MOST_TAG_SETS = 4096


class Recorder(Endings):
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
        clock: Callable[[], datetime] | None = None,
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
            clock: Gives the current time as aware UTC; None for the system's.
            faults: Where contained faults are counted; None for a count of its own.
        """
        faults = Faults() if faults is None else faults
        super().__init__(Settler(prices, sinks, faults), faults, config)
        self.sinks = tuple(sinks)
        self.guards = tuple(guards)
        # Of two clocks at the start of a call, the system's plain seconds are the
        # cheaper one by a microsecond.
        self._clock: Callable[[], datetime | float] = time if clock is None else clock
        self._default_tags = Tags(config.tags) if config is not None else NO_TAGS
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
        is_immediate = bool(guards) or (config is not None and config.immediate)
        self._put_by(
            is_immediate=is_immediate, has_spans=self._current_span is not None
        )
        for sink in self.sinks:
            if isinstance(sink, SettlingSink):
                sink.settle_with(self.settle)
        self._is_closed = False
        _RECORDERS.add(self)
        if profiles is not None:
            self._price_by(profiles, self.sinks)

    def prices(self) -> PriceTable:
        """The price table in use; the bundled one is loaded when first needed."""
        return self._settler.prices()

    @property
    def hashes_requests(self) -> bool:
        """Whether `start` needs all parameters, as it hashes them."""
        return self._hasher is not None

    def tags_of(self, scope: AttributionContext) -> Tags:
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
        scope = current_attribution()
        tags = self.tags_of(scope) if self._has_other_tags else scope.tags
        try:
            call = self._idle.pop()
        except IndexError:
            call = self._kind(self, route, scope, tags, self._clock())
        else:
            call.route = route
            call.scope = scope
            call.tags = tags
            call.started_at = self._clock()
            call.ended = None
            call.started = perf_counter()
        if route.operation.guardrail in params:
            call.has_guardrail = True
            call.is_plain = False
        if scope.spends and self._settle not in scope.settlers:
            scope.settle_with(self._settle)
        if self._has_more_to_start or route.read_request is not None:
            call.is_plain = False
            self._start_more(call, params)
        return call

    def _start_more(self, call: Call, params: Mapping[str, Any]) -> None:
        """What a call needs that is not plain, before it is sent."""
        route = call.route
        if route.read_request is not None and route.operation.request is not None:
            try:
                call.facts = route.read_request(params.get(route.operation.request))
            except Exception as fault:
                self.faults.note("request reader", fault)
        if self._current_span is not None:
            span = self._current_span()
            if span.is_recording():
                call.span = span
        if self._hasher is not None:
            self._hash_request(call, params)
        self._ask_guards(call)

    def _hash_request(self, call: Call, params: Mapping[str, Any] | None) -> None:
        row = call.route.operation
        if self._hasher is None or params is None or row.is_free:
            return
        try:
            call.request_hash = self._hasher.hash(row.name, params)
        except Exception as fault:
            self.faults.note("request hash", fault)

    def start_again(self, failed: Call) -> Call:
        """Open a call of the request of *failed*, which has ended; asks no guard."""
        call = self._kind(self, failed.route, failed.scope, failed.tags, self._clock())
        call.facts = failed.facts
        call.has_guardrail = failed.has_guardrail
        call.request_hash = failed.request_hash
        call.request_bytes = failed.request_bytes
        call.span = failed.span
        return call

    def _ask_guards(self, call: Call) -> None:
        route = call.route
        start = CallStart(
            route.operation.name,
            route.model,
            route.region,
            call.tags,
            moment(call.started_at),
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
        scope = current_attribution()
        own = with_changes(self.tags_of(scope), check_tags(tags or {}))
        now = moment(self._clock())
        call = Call(self, route, scope, own, report.start(now))
        if scope.spends and self._settle not in scope.settlers:
            scope.settle_with(self._settle)
        try:
            fill(call, report)
        except Exception as fault:
            self.faults.note("report", fault)
            call.failure = USAGE_UNREADABLE
        if self._hasher is not None:
            self._hash_request(call, params_of(route.operation, model_id, request))
        if self._current_span is not None:
            call.span = self._current_span()
        self._put(call)

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
        try:
            self._ended.close()
        finally:  # Ctrl-C is no reason to keep back what has been settled
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


def _leave_calls_to_parent() -> None:
    for recorder in list(_RECORDERS):
        recorder.leave_to_parent()


when_it_ends(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_calls_to_parent)


def _request_hasher(config: Config | None) -> RequestHasher | None:
    if config is None or config.request_hash_key is None:
        return None
    from .request_hash import RequestHasher  # noqa: PLC0415 -- for those who ask for it

    return RequestHasher(config.request_hash_key.get_secret_value())


def _current_span_getter() -> Callable[[], Span]:
    # Tracing takes 30 ms to import, so only those who ask for span attributes pay.
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span


def _baggage_tags(keys: Sequence[str], faults: Faults) -> BaggageTags:
    # Baggage takes some milliseconds to import, for those who let it in.
    from .._attribution.incoming_baggage import BaggageTags  # noqa: PLC0415

    return BaggageTags(keys, faults)
