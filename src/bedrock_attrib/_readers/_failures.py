"""Whether a call that failed was billed."""

from __future__ import annotations

from .._record import PriceStatus

# Statuses with which the runtime turns a request away before a model runs. A
# validation error or a throttled call is not billed: AWS, "Amazon Bedrock pricing",
# checked 2026-11-23.
_TURNED_AWAY = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})


def status_of_refusal(http_status: int, error: str) -> tuple[PriceStatus, str]:
    """Price status and reason of an answer with an error status.

    Args:
        http_status: From 300 up.
        error: AWS error code.
    """
    if http_status in _TURNED_AWAY:
        return PriceStatus.FREE, f"turned away with {error}; nothing was used"
    return (
        PriceStatus.UNPRICED,
        f"failed with {error} ({http_status}); AWS does not say whether that is billed",
    )


def status_without_answer(error: str, *, was_sent: bool) -> tuple[PriceStatus, str]:
    """Price status and reason of a call that got no answer.

    Args:
        error: Class name of the exception.
        was_sent: Whether the request may have reached AWS.
    """
    if was_sent:
        reason = f"{error}: no answer came, and AWS may have billed the call"
        return PriceStatus.UNPRICED, reason
    return PriceStatus.FREE, f"{error}: the request was not sent"
