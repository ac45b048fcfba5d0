"""Price status of a record, with its reason and code: one rule for every pricing."""

from __future__ import annotations

from collections.abc import Sequence

from .._model.record import PriceReason, PriceState, PriceStatus, Quote, UsageReading
from .._model.usage import GUARDRAIL_UNITS
from .._readers import with_earlier_attempts

NOT_READ = "the usage could not be read; see the log"
USAGE_UNREADABLE = PriceState(
    PriceStatus.UNPRICED, NOT_READ, PriceReason.USAGE_UNREADABLE
)
REQUEST_NOT_READ = "billed by values in the request, which was not inspected"


def price_state(
    reading: UsageReading,
    quote: Quote | None,
    failure: PriceState | None,
    earlier_attempts: Sequence[str],
) -> PriceState:
    """Derive how far the amount of a call can be trusted, and why.

    Args:
        reading: What the answer stated.
        quote: What the price table says of it; None where nothing could be asked.
        failure: Price state of a call that left nothing to price; None for others.
        earlier_attempts: Errors of attempts before the last that may be billed too.
    """
    if failure is not None:
        state = failure
    elif quote is None:
        state = _without_quote(reading)
    elif reading.estimated or reading.missing or reading.uncounted:
        state = _with_uncertain_usage(quote, reading)
    elif quote.code is PriceReason.NOTHING_COUNTED and reading.counts:
        state = _with_nothing_counted(reading)
    else:
        state = PriceState(quote.status, quote.reason, quote.code)
    return with_earlier_attempts(state, earlier_attempts)


def _without_quote(reading: UsageReading) -> PriceState:
    reason = reading.note or reading.missing or "the answer states no usage"
    code = reading.code or PriceReason.USAGE_NOT_STATED
    return PriceState(PriceStatus.UNPRICED, reason, code)


def _with_nothing_counted(reading: UsageReading) -> PriceState:
    """Price state of counts that are all zero, of an operation that is billed.

    That is certain where AWS says why, or counts what it bills itself. A model that
    states no token has read something else, such as an image.
    """
    if reading.is_blocked or GUARDRAIL_UNITS.issuperset(reading.counts or ()):
        return PriceState(PriceStatus.PRICED)
    return PriceState(
        PriceStatus.UNPRICED,
        "nothing was counted, although the operation is billed",
        PriceReason.NOTHING_COUNTED,
    )


def _with_uncertain_usage(quote: Quote, reading: UsageReading) -> PriceState:
    """Price state of counts that are estimated or not all known."""
    uncounted = reading.uncounted and f"stated but not counted: {reading.uncounted}"
    if quote.cost is None or quote.status is PriceStatus.PARTIAL:
        return PriceState(quote.status, _joined(quote.reason, uncounted), quote.code)
    if reading.missing or uncounted:
        missing = reading.missing and f"not stated: {reading.missing}"
        code = reading.code or (
            PriceReason.USAGE_INCOMPLETE if missing else PriceReason.USAGE_NOT_COUNTED
        )
        return PriceState(PriceStatus.PARTIAL, _joined(missing, uncounted), code)
    reason = reading.note or quote.reason
    code = reading.code or PriceReason.USAGE_ESTIMATED
    return PriceState(PriceStatus.ESTIMATED, reason, code)


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))
