"""Billing state of failed calls."""

from __future__ import annotations

from collections.abc import Sequence

from .._model.record import PriceReason, PriceState, PriceStatus

# Statuses with which the runtime turns a request away before a model runs. A
# validation error or a throttled call is not billed: AWS, "Amazon Bedrock pricing",
# checked 2026-11-23.
_TURNED_AWAY = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})


ANSWERED_LOCALLY = PriceState(
    PriceStatus.FREE, "answered without AWS", PriceReason.ANSWERED_LOCALLY
)


def is_rejected(http_status: int) -> bool:
    """Return whether an answer with this status from 300 up says that no model ran."""
    return http_status in _TURNED_AWAY


def status_of_refusal(http_status: int, error: str) -> PriceState:
    """Price status and reason of an answer with an error status.

    Args:
        http_status: From 300 up.
        error: AWS error code.
    """
    if is_rejected(http_status):
        text = f"rejected with {error}; not billed"
        return PriceState(PriceStatus.FREE, text, PriceReason.REJECTED)
    return PriceState(
        PriceStatus.UNPRICED,
        f"failed with {error} ({http_status}); AWS does not say whether that is billed",
        PriceReason.FAILED,
    )


def status_without_answer(error: str, *, was_sent: bool) -> PriceState:
    """Price status and reason of a call that got no answer.

    Args:
        error: Class name of the exception.
        was_sent: Whether the request may have reached AWS.
    """
    if was_sent:
        reason = f"{error}: no answer came, and AWS may have billed the call"
        return PriceState(PriceStatus.UNPRICED, reason, PriceReason.NO_ANSWER)
    reason = f"{error}: the request was not sent"
    return PriceState(PriceStatus.FREE, reason, PriceReason.NOT_SENT)


def with_earlier_attempts(state: PriceState, failed: Sequence[str]) -> PriceState:
    """Price state of a call, some of whose attempts may be billed too.

    Args:
        state: Price state of the last attempt.
        failed: What went wrong in each attempt before it that may have been billed.
    """
    if not failed:
        return state
    status, reason, code = state
    attempts = "an earlier attempt" if len(failed) == 1 else "earlier attempts"
    more = f"AWS may have billed {attempts} too: {', '.join(failed)}"
    reason = f"{reason}; {more}" if reason else more
    if status in _NOT_ALL_KNOWN:
        return PriceState(_NOT_ALL_KNOWN[status], reason, PriceReason.EARLIER_ATTEMPTS)
    return PriceState(status, reason, code or PriceReason.EARLIER_ATTEMPTS)


_NOT_ALL_KNOWN = {
    PriceStatus.PRICED: PriceStatus.PARTIAL,
    PriceStatus.ESTIMATED: PriceStatus.PARTIAL,
    PriceStatus.FREE: PriceStatus.UNPRICED,
}
