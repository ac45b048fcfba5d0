"""Model ids and ARNs: model, vendor, scope and kind."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Scope(StrEnum):
    """Regions in which a call may be served, which decide its list price."""

    REGIONAL = "regional"
    GEO = "geo"
    GLOBAL = "global"


class ModelKind(StrEnum):
    """Kind of thing that a model id refers to."""

    FOUNDATION_MODEL = "foundation_model"
    INFERENCE_PROFILE = "inference_profile"
    APPLICATION_INFERENCE_PROFILE = "application_inference_profile"
    PROVISIONED = "provisioned"
    CUSTOM = "custom"
    IMPORTED = "imported"
    PROMPT = "prompt"
    PROMPT_ROUTER = "prompt_router"
    MARKETPLACE_ENDPOINT = "marketplace_endpoint"


class ModelRef(NamedTuple):
    """A model as the caller named it, and what that name says about it.

    A named tuple, because it is a dictionary key for every call and must hash fast.

    Attributes:
        requested: The id or ARN as the caller wrote it.
        model_id: Base model id without profile prefix; None when the id does not
            name the model (an application inference profile, …).
        vendor: First part of the model id (``anthropic``, ``amazon``), or None.
        scope: Where the call may be served; None when the id does not say.
        kind: What the id refers to.
        geography: Profile prefix of a geo id (``us``, ``eu``, ``us-gov``), or None.
    """

    requested: str
    model_id: str | None
    vendor: str | None
    scope: Scope | None
    kind: ModelKind
    geography: str | None = None


GUARDRAIL_MODEL = ModelRef(
    requested="bedrock.guardrail",
    model_id="bedrock.guardrail",
    vendor="bedrock",
    scope=Scope.REGIONAL,
    kind=ModelKind.FOUNDATION_MODEL,
)
GUARDRAIL_CHECKS_MODEL = ModelRef(
    requested="bedrock.guardrail-checks",
    model_id="bedrock.guardrail-checks",
    vendor="bedrock",
    scope=Scope.REGIONAL,
    kind=ModelKind.FOUNDATION_MODEL,
)

# Vendors seen in model ids, 2026-11-23. Needed only to distinguish a
# geography prefix that is not listed below from a vendor.
_VENDORS = frozenset(
    "ai21 amazon anthropic bedrock cohere deepseek google luma meta minimax mistral "
    "moonshot moonshotai nvidia openai qwen stability twelvelabs writer xai zai".split()
)
# Prefixes of system inference profiles: AWS, "Supported Regions and models for
# inference profiles", checked 2026-11-23.
_GEOGRAPHIES = frozenset("us us-gov eu apac ap jp au ca in".split())

# Suffix of a base id that names a variant for provisioned throughput, as in
# amazon.titan-embed-text-v1:2:8k, cohere.embed-english-v3:0:512 and
# amazon.nova-premier-v1:0:mm: ListFoundationModels, as of 2026-11.
_CONTEXT_SUFFIX = re.compile(r":\d+k$|(?<=:\d):(?:\d+|mm)$")

_ARN = re.compile(r"arn:[^:]+:(bedrock|sagemaker):[^:]*:[^:]*:([a-z-]+)/(.+)")

# Resource types of ARNs that bedrock-runtime accepts as a model id: botocore
# 1.44.5, shapes ConversationalModelId and InvokeModelIdentifier.
_ARN_KINDS = {
    "foundation-model": ModelKind.FOUNDATION_MODEL,
    "inference-profile": ModelKind.INFERENCE_PROFILE,
    "application-inference-profile": ModelKind.APPLICATION_INFERENCE_PROFILE,
    "provisioned-model": ModelKind.PROVISIONED,
    "custom-model": ModelKind.CUSTOM,
    "custom-model-deployment": ModelKind.CUSTOM,
    "imported-model": ModelKind.IMPORTED,
    "prompt": ModelKind.PROMPT,
    "prompt-router": ModelKind.PROMPT_ROUTER,
    "default-prompt-router": ModelKind.PROMPT_ROUTER,
    "endpoint": ModelKind.MARKETPLACE_ENDPOINT,
}
_NAMES_A_MODEL = frozenset({ModelKind.FOUNDATION_MODEL, ModelKind.INFERENCE_PROFILE})


@lru_cache(maxsize=4096)
def parse_model_id(requested: str) -> ModelRef:
    """Read what *requested* says about the model. Never raises.

    A bare id is regional: AWS bills it at the in-Region price, not at the global one.

    Args:
        requested: A model id, inference profile id or ARN, as given to Bedrock.

    Example:
        >>> parse_model_id("eu.anthropic.claude-sonnet-5").scope
        <Scope.GEO: 'geo'>
    """
    if not requested.startswith("arn:"):
        return _parse_plain(requested, requested)
    arn = _ARN.fullmatch(requested)
    kind = _ARN_KINDS.get(arn[2]) if arn is not None else None
    # An id without a vendor, as in some profile ARNs, does not name a model.
    if arn is not None and kind in _NAMES_A_MODEL and "." in arn[3]:
        return _parse_plain(requested, arn[3])
    return ModelRef(
        requested,
        model_id=None,
        vendor=None,
        scope=None,
        kind=kind or ModelKind.FOUNDATION_MODEL,
    )


def _parse_plain(requested: str, name: str) -> ModelRef:
    prefix, _, rest = name.partition(".")
    if rest and _is_profile_prefix(prefix, rest):
        base, kind = rest, ModelKind.INFERENCE_PROFILE
        scope, geography = _profile_scope(prefix)
    else:
        base, kind = name, ModelKind.FOUNDATION_MODEL
        scope, geography = Scope.REGIONAL, None
    base = _CONTEXT_SUFFIX.sub("", base)
    vendor = base.partition(".")[0] if "." in base else None
    return ModelRef(requested, base, vendor, scope, kind, geography)


def _is_profile_prefix(prefix: str, rest: str) -> bool:
    if prefix == "global" or prefix in _GEOGRAPHIES:
        return True
    vendor = rest.partition(".")[0]
    return prefix not in _VENDORS and "." in rest and vendor in _VENDORS


def _profile_scope(prefix: str) -> tuple[Scope, str | None]:
    if prefix == "global":
        return Scope.GLOBAL, None
    # GovCloud profiles are billed as the GovCloud region's own regional price.
    if prefix == "us-gov":
        return Scope.REGIONAL, prefix
    return Scope.GEO, prefix
