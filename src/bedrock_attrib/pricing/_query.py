"""Price query: the terms of one kind of call, as price lists are searched for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .._model.model_id import ModelKind, ModelRef, Scope
from .._model.record import PriceReason, Reason

_BILLED_OTHERWISE = {
    ModelKind.PROVISIONED: (
        "provisioned throughput is billed by the hour, not per token; state its "
        "price under [[commitments]]"
    ),
    ModelKind.IMPORTED: (
        "an imported model is billed by custom model units and minutes, not per "
        "token; state it under [[commitments]]"
    ),
    ModelKind.MARKETPLACE_ENDPOINT: (
        "a marketplace endpoint is billed by the hour of its instances, not per token"
    ),
    ModelKind.CUSTOM: (
        "a custom model has no list price of its own; if AWS bills it as its base "
        "model, map the ARN under [base_models]"
    ),
}
_NAMES_NO_MODEL = {
    ModelKind.APPLICATION_INFERENCE_PROFILE: (
        "the ARN of an application inference profile names no model; map it to its "
        "model or profile id under [models]"
    ),
    ModelKind.PROMPT: (
        "the ARN of a prompt names no model; map it to its model id under [models]"
    ),
    ModelKind.PROMPT_ROUTER: (
        "a prompt router names no model, and the response did not say which one it "
        "invoked"
    ),
}


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """Terms of one kind of call on one day.

    Attributes:
        model_id: Base model id, or None when it is not known.
        scope: Scope of the model id; None when the id states none.
        geography: Profile prefix of a geo id, or None.
        region: Calling region.
        tier: Tier that served the call.
        latency_mode: ``standard`` or ``optimized``.
        day: Day of the call, UTC.
        unpriceable_reason: Why no row can price it, or None.
        doubt: Why ``model_id`` may not be the model of the call; empty when it is.
    """

    model_id: str | None
    scope: Scope | None
    geography: str | None
    region: str
    tier: str
    latency_mode: str
    day: date
    unpriceable_reason: Reason | None = None
    doubt: str = ""


def unpriceable_reason(model: ModelRef) -> Reason | None:
    """Return why calls of *model* have no price per token; None when they have one."""
    if model.kind in _BILLED_OTHERWISE:
        is_custom = model.kind is ModelKind.CUSTOM
        code = PriceReason.CUSTOM_MODEL if is_custom else PriceReason.CAPACITY
        return Reason(code, _BILLED_OTHERWISE[model.kind])
    if model.model_id is None:
        text = _NAMES_NO_MODEL.get(model.kind, "the id names no model")
        return Reason(PriceReason.MODEL_NOT_NAMED, text)
    if model.scope:
        return None
    text = "the id does not say where calls may be served"
    return Reason(PriceReason.SCOPE_NOT_NAMED, text)
