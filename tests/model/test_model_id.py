"""What a model id or ARN says about model, vendor, scope and kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_attrib._model.model_id import ModelKind, ModelRef, Scope, parse_model_id

HERE = "arn:aws:bedrock:us-east-1:111122223333"
FOUNDATION = ModelKind.FOUNDATION_MODEL
PROFILE = ModelKind.INFERENCE_PROFILE

# Id: base id, vendor, scope, kind, geography.
PLAIN = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": (
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    "us.anthropic.claude-sonnet-5": (
        "anthropic.claude-sonnet-5",
        "anthropic",
        Scope.GEO,
        PROFILE,
        "us",
    ),
    "global.amazon.nova-2-lite-v1:0": (
        "amazon.nova-2-lite-v1:0",
        "amazon",
        Scope.GLOBAL,
        PROFILE,
        None,
    ),
    "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0": (
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic",
        Scope.REGIONAL,
        PROFILE,
        "us-gov",
    ),
    "amazon.titan-embed-text-v1:2:8k": (
        "amazon.titan-embed-text-v1:2",
        "amazon",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    "us.amazon.nova-pro-v1:0:300k": (
        "amazon.nova-pro-v1:0",
        "amazon",
        Scope.GEO,
        PROFILE,
        "us",
    ),
    # A geography that is not listed yet, before a known vendor.
    "mars.anthropic.claude-opus-9": (
        "anthropic.claude-opus-9",
        "anthropic",
        Scope.GEO,
        PROFILE,
        "mars",
    ),
    # A vendor that is not listed yet, after a known geography and alone.
    "eu.newcomer.model-v1.5": (
        "newcomer.model-v1.5",
        "newcomer",
        Scope.GEO,
        PROFILE,
        "eu",
    ),
    "newcomer.model-v1.5:0": (
        "newcomer.model-v1.5:0",
        "newcomer",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    # Dots in the name of a model are no prefix.
    "openai.gpt-5.6-sol": (
        "openai.gpt-5.6-sol",
        "openai",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    "moonshotai.kimi-k2.5": (
        "moonshotai.kimi-k2.5",
        "moonshotai",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    "deepseek.amazon.model": (
        "deepseek.amazon.model",
        "deepseek",
        Scope.REGIONAL,
        FOUNDATION,
        None,
    ),
    "us": ("us", None, Scope.REGIONAL, FOUNDATION, None),
    "us.": ("us.", "us", Scope.REGIONAL, FOUNDATION, None),
    "": ("", None, Scope.REGIONAL, FOUNDATION, None),
}


@pytest.mark.parametrize("requested", PLAIN)
def test_ids(requested: str) -> None:
    """An id names the model, and by its prefix where the call may be served."""
    model_id, vendor, scope, kind, geography = PLAIN[requested]
    expected = ModelRef(requested, model_id, vendor, scope, kind, geography)
    assert parse_model_id(requested) == expected


NAMING = {
    "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0": (
        "amazon.nova-lite-v1:0",
        Scope.REGIONAL,
        FOUNDATION,
    ),
    f"{HERE}:inference-profile/us.anthropic.claude-sonnet-5": (
        "anthropic.claude-sonnet-5",
        Scope.GEO,
        PROFILE,
    ),
    f"{HERE}:inference-profile/global.anthropic.claude-sonnet-5": (
        "anthropic.claude-sonnet-5",
        Scope.GLOBAL,
        PROFILE,
    ),
    "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0": (
        "amazon.nova-lite-v1:0",
        Scope.REGIONAL,
        FOUNDATION,
    ),
    "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-5": (
        "anthropic.claude-sonnet-5",
        Scope.REGIONAL,
        FOUNDATION,
    ),
}


@pytest.mark.parametrize("arn", NAMING)
def test_arns_that_name_a_model(arn: str) -> None:
    """ARNs of foundation models and of AWS's own profiles say what their ids say."""
    model_id, scope, kind = NAMING[arn]
    found = parse_model_id(arn)
    assert (found.model_id, found.scope, found.kind) == (model_id, scope, kind)
    assert found.requested == arn


OPAQUE = {
    f"{HERE}:application-inference-profile/abc123": (
        ModelKind.APPLICATION_INFERENCE_PROFILE
    ),
    f"{HERE}:provisioned-model/abc123": ModelKind.PROVISIONED,
    f"{HERE}:custom-model/anthropic.claude-3-haiku-20240307-v1:0:48k/abc": (
        ModelKind.CUSTOM
    ),
    f"{HERE}:custom-model-deployment/abc123": ModelKind.CUSTOM,
    f"{HERE}:imported-model/abc123": ModelKind.IMPORTED,
    f"{HERE}:prompt/ABC123:1": ModelKind.PROMPT,
    f"{HERE}:prompt-router/abc123": ModelKind.PROMPT_ROUTER,
    f"{HERE}:default-prompt-router/anthropic.claude:1": ModelKind.PROMPT_ROUTER,
    "arn:aws:sagemaker:us-east-1:111122223333:endpoint/mine": (
        ModelKind.MARKETPLACE_ENDPOINT
    ),
    # As one of AWS's own samples has it.
    f"{HERE}:inference-profile/abc123": PROFILE,
    f"{HERE}:kind-of-tomorrow/anthropic.claude-sonnet-5": FOUNDATION,
    "arn:aws:s3:::bucket/us.anthropic.claude-sonnet-5": FOUNDATION,
    "arn:aws:bedrock": FOUNDATION,
    "arn:": FOUNDATION,
}


@pytest.mark.parametrize("arn", OPAQUE)
def test_arns_that_hide_the_model(arn: str) -> None:
    """Any other ARN names no model and no scope, whatever stands in it."""
    expected = ModelRef(arn, None, None, None, OPAQUE[arn])
    assert parse_model_id(arn) == expected


prefixes = st.sampled_from(["us", "eu", "apac", "ap", "jp", "au", "ca", "in", "us-gov"])
vendors = st.sampled_from(["anthropic", "amazon", "meta", "openai", "newcomer"])
model_names = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[0-9])?(-v[0-9])?", fullmatch=True)


@settings(deadline=None)
@given(prefixes | st.just("global"), vendors, model_names)
def test_prefixes_round_trip(prefix: str, vendor: str, name: str) -> None:
    """Whatever the prefix, the base id is what stands after it."""
    base = f"{vendor}.{name}"
    found = parse_model_id(f"{prefix}.{base}")
    assert found.model_id == base
    assert found.vendor == vendor
    assert found.kind is PROFILE
    assert found.geography == (None if prefix == "global" else prefix)
    arn = parse_model_id(f"{HERE}:inference-profile/{prefix}.{base}")
    assert arn[1:] == found[1:]


@settings(deadline=None)
@given(
    st.text()
    | st.from_regex(r"arn:[^:]*:(bedrock|sagemaker)?:.*")
    | st.builds("{}:{}/{}".format, st.just(HERE), st.text(), st.text())
)
def test_never_raises(requested: str) -> None:
    """Any text is read as far as it goes, and kept as it was written."""
    found = parse_model_id(requested)
    assert found.requested == requested
    assert found.model_id is None or found.model_id in requested
    assert (found.model_id is None) == (found.scope is None)
