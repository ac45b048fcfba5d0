"""Model and scope of an inference profile, from its member ARNs."""

from __future__ import annotations

from collections.abc import Sequence

from ..._model.model_id import ModelKind, ModelRef, Scope, parse_model_id

# Regions, or beginnings of their names, that profiles of a geography route to; the
# first that covers all of a profile's regions is its geography. AWS, "Supported
# Regions and models for inference profiles"; aws-cdk, CrossRegionInferenceProfileRegion
# (apac with me-central-1); a listing of us. profiles from ca-central-1, whose members
# are in Canada too. Checked 2026-11-23.
_GEOGRAPHIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("us-gov", ("us-gov-",)),
    ("us", ("us-",)),
    ("ca", ("ca-",)),
    ("us", ("us-", "ca-")),
    ("eu", ("eu-",)),
    ("jp", ("ap-northeast-1", "ap-northeast-3")),
    ("au", ("ap-southeast-2", "ap-southeast-4")),
    ("in", ("ap-south-1", "ap-south-2")),
    ("apac", ("ap-", "me-central-1")),
)


def regions_of(members: Sequence[str]) -> tuple[str, ...]:
    """Return the sorted regions of ARNs; empty text for a global one."""
    return tuple(sorted({arn.split(":")[3] for arn in members}))


def model_of_members(arn: str, members: Sequence[str]) -> ModelRef | None:
    """Return the model of the profile *arn*; None unless its members name one model.

    AWS does not say from which profile an application's own was copied. A member
    without region means global scope; several regions mean a geography.

    Args:
        arn: ARN of the application inference profile.
        members: ARNs of its foundation models.

    Example:
        >>> members = [
        ...     "arn:aws:bedrock:eu-north-1::foundation-model/amazon.nova-pro-v1:0",
        ...     "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0",
        ... ]
        >>> model = model_of_members("arn:aws:bedrock:…", members)
        >>> model.model_id, model.geography
        ('amazon.nova-pro-v1:0', 'eu')
    """
    models = {(model.model_id, model.vendor) for model in map(parse_model_id, members)}
    if len(models) != 1:
        return None
    ((model_id, vendor),) = models
    if model_id is None or not all(member.startswith("arn:") for member in members):
        return None
    scope, geography = _scope_of(regions_of(members))
    kind = ModelKind.APPLICATION_INFERENCE_PROFILE
    return ModelRef(arn, model_id, vendor, scope, kind, geography)


def _scope_of(regions: tuple[str, ...]) -> tuple[Scope, str | None]:
    if "" in regions:
        return Scope.GLOBAL, None
    if len(regions) == 1:
        return Scope.REGIONAL, None
    geography = next(
        (name for name, parts in _GEOGRAPHIES if _are_of(regions, parts)), None
    )
    # GovCloud profiles are billed as the GovCloud region's own regional price.
    scope = Scope.REGIONAL if geography == "us-gov" else Scope.GEO
    return scope, geography


def _are_of(regions: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return all(_is_of(region, parts) for region in regions)


def _is_of(region: str, parts: tuple[str, ...]) -> bool:
    return any(
        region.startswith(part) if part.endswith("-") else region == part
        for part in parts
    )
