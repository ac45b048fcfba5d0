"""Price status of a record, with its reason and code: one rule for every pricing."""

from __future__ import annotations

from collections.abc import Sequence

from .._model.record import PriceReason, PriceState, PriceStatus, Quote, UsageReading
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
    elif reading.estimated or reading.missing:
        state = _with_uncertain_usage(quote, reading)
    else:
        state = PriceState(quote.status, quote.reason, quote.code)
    return with_earlier_attempts(state, earlier_attempts)


def _without_quote(reading: UsageReading) -> PriceState:
    reason = reading.note or reading.missing or "the answer states no usage"
    code = reading.code or PriceReason.USAGE_NOT_STATED
    return PriceState(PriceStatus.UNPRICED, reason, code)


def _with_uncertain_usage(quote: Quote, reading: UsageReading) -> PriceState:
    """Price state of counts that are estimated or not all known."""
    if quote.cost is None or quote.status is PriceStatus.PARTIAL:
        return PriceState(quote.status, quote.reason, quote.code)
    if reading.missing:
        reason = f"not stated: {reading.missing}"
        code = reading.code or PriceReason.USAGE_INCOMPLETE
        return PriceState(PriceStatus.PARTIAL, reason, code)
    reason = reading.note or quote.reason
    code = reading.code or PriceReason.USAGE_ESTIMATED
    return PriceState(PriceStatus.ESTIMATED, reason, code)
