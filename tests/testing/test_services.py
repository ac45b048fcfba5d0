"""Operations that run no model: guardrails, counting, async invocations, profiles."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.client import BaseClient

from bedrock_attrib import Unit, Usage
from bedrock_attrib.testing import InferenceProfile, Reply, Simulator, tokens

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"
PROFILE_ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
)
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
GUARDED = Usage(
    {
        Unit.INPUT_TOKEN: 12,
        Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 1,
        Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2,
        Unit.GUARDRAIL_CONTENT_IMAGE_UNIT: 3,
    }
)
ANSWER_GUARDED = Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 5})
NO_UNITS = {
    "topicPolicyUnits": 0,
    "contentPolicyUnits": 0,
    "wordPolicyUnits": 0,
    "sensitiveInformationPolicyUnits": 0,
    "sensitiveInformationPolicyFreeUnits": 0,
    "contextualGroundingPolicyUnits": 0,
}
PROMPT_UNITS = NO_UNITS | {
    "topicPolicyUnits": 1,
    "contentPolicyUnits": 2,
    "contentPolicyImageUnits": 3,
}
ANSWER_UNITS = NO_UNITS | {"contentPolicyUnits": 5}


def assessed(units: dict[str, int]) -> dict[str, object]:
    """An assessment without findings that used *units*."""
    return {"invocationMetrics": {"guardrailProcessingLatency": 1, "usage": units}}


def test_count_tokens_counts_the_whole_prompt(
    simulator: Simulator, client: BaseClient
) -> None:
    """Cached tokens are part of the prompt's length."""
    simulator.reply(Reply(usage=tokens(input_tokens=3, cache_read_tokens=40)))

    answer = client.count_tokens(
        modelId=CLAUDE, input={"converse": {"messages": HELLO}}
    )

    assert answer["inputTokens"] == 43


def test_count_tokens_answers_zero_without_usage(
    simulator: Simulator, client: BaseClient
) -> None:
    """The field is required, so it is there even if nothing is said."""
    simulator.reply(Reply(usage=None))

    answer = client.count_tokens(
        modelId=CLAUDE, input={"converse": {"messages": HELLO}}
    )

    assert answer["inputTokens"] == 0


def apply_guardrail(client: BaseClient) -> dict[str, object]:
    """Answer of ApplyGuardrail without its metadata."""
    answer = client.apply_guardrail(
        guardrailIdentifier="gr1",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": "Hello"}}],
    )
    del answer["ResponseMetadata"]
    return dict(answer)


def test_apply_guardrail_tells_units_by_policy(
    simulator: Simulator, client: BaseClient
) -> None:
    """Policies that did not run count zero, and no output is changed."""
    simulator.reply(Reply(usage=GUARDED))

    assert apply_guardrail(client) == {
        "usage": PROMPT_UNITS,
        "action": "NONE",
        "outputs": [],
        "assessments": [assessed(PROMPT_UNITS)],
    }
    assert simulator.requests[0].model_id == "gr1"


def test_apply_guardrail_may_intervene(
    simulator: Simulator, client: BaseClient
) -> None:
    """The text that takes the place of the content is the reply's."""
    simulator.reply(Reply(text="Blocked.", usage=None, guardrail_intervened=True))

    assert apply_guardrail(client) == {
        "usage": NO_UNITS,
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "Blocked."}],
        "assessments": [assessed(NO_UNITS)],
    }


def test_guardrail_checks_tell_the_units_of_checks_that_ran(
    simulator: Simulator, client: BaseClient, needs: Callable[[str, str], None]
) -> None:
    """A check that is not counted is not in the answer."""
    needs("InvokeGuardrailChecksResponse", "usage")
    simulator.reply(
        Reply(
            usage=Usage(
                {
                    Unit.GUARDRAIL_CHECKS_CONTENT_TEXT_UNIT: 4,
                    Unit.GUARDRAIL_CHECKS_PROMPT_ATTACK_TEXT_UNIT: 1,
                }
            )
        )
    )

    answer = client.invoke_guardrail_checks(
        messages=[{"role": "user", "content": [{"text": "Hello"}]}],
        checks={"promptAttack": {"categories": [{"category": "JAILBREAK"}]}},
    )

    del answer["ResponseMetadata"]
    assert answer == {
        "results": {"contentFilter": {"results": []}, "promptAttack": {"results": []}},
        "usage": {
            "contentFilter": {"textUnits": 4},
            "promptAttack": {"textUnits": 1},
        },
    }


def test_a_guardrail_trace_of_converse_has_both_assessments(
    simulator: Simulator, client: BaseClient
) -> None:
    """Prompt and answer are assessed apart, in a plain answer as in a stream."""
    simulator.reply(Reply(usage=GUARDED, output_guardrail_usage=ANSWER_GUARDED))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)
    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]

    expected = {
        "guardrail": {
            "inputAssessment": {"gr0simulated": assessed(PROMPT_UNITS)},
            "outputAssessments": {"gr0simulated": [assessed(ANSWER_UNITS)]},
        }
    }
    assert expected == answer["trace"]
    assert expected == list(stream)[-1]["metadata"]["trace"]


def test_a_guardrail_trace_of_invoke_model_stands_in_the_body(
    simulator: Simulator, client: BaseClient
) -> None:
    """InvokeModel has names of its own for action and trace."""
    simulator.reply(Reply(usage=GUARDED, output_guardrail_usage=ANSWER_GUARDED))

    body = json.loads(client.invoke_model(modelId=CLAUDE, body=b"{}")["body"].read())
    stream = client.invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}")
    last = json.loads(list(stream["body"])[-1]["chunk"]["bytes"])

    expected = {
        "guardrail": {
            "input": {"gr0simulated": assessed(PROMPT_UNITS)},
            "outputs": [{"gr0simulated": assessed(ANSWER_UNITS)}],
        }
    }
    for told in (body, last):
        assert expected == told["amazon-bedrock-trace"]
        assert told["amazon-bedrock-guardrailAction"] == "NONE"


def test_an_intervention_without_units_has_no_trace(
    simulator: Simulator, client: BaseClient
) -> None:
    """Only the action says that the guardrail changed the answer."""
    simulator.reply(Reply(guardrail_intervened=True))

    body = json.loads(client.invoke_model(modelId=CLAUDE, body=b"{}")["body"].read())

    assert body["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert "amazon-bedrock-trace" not in body


S3 = {"s3OutputDataConfig": {"s3Uri": "s3://bucket/videos/"}}
REEL_ARN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-reel-v1:1"


def test_an_async_invocation_is_started_found_and_listed(
    simulator: Simulator, client: BaseClient
) -> None:
    """What was started is completed at once, and the latest is listed first."""
    first, second = (
        client.start_async_invoke(modelId=model, modelInput={}, outputDataConfig=S3)[
            "invocationArn"
        ]
        for model in ("amazon.nova-reel-v1:1", CLAUDE_ARN)
    )

    found = client.get_async_invoke(invocationArn=first)
    listed = client.list_async_invokes()["asyncInvokeSummaries"]

    assert first == "arn:aws:bedrock:us-east-1:123456789012:async-invoke/000000000001"
    assert found["status"] == "Completed"
    assert found["modelArn"] == REEL_ARN
    assert found["outputDataConfig"] == S3
    assert [one["invocationArn"] for one in listed] == [second, first]
    assert listed[0]["modelArn"] == CLAUDE_ARN
    assert simulator.requests[0].model_id == "amazon.nova-reel-v1:1"


def test_an_async_invocation_that_nobody_started_is_refused(
    client: BaseClient,
) -> None:
    """AWS has no other error for it than ValidationException."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/zzzzzzzzzzzz"

    with pytest.raises(client.exceptions.ValidationException):
        client.get_async_invoke(invocationArn=arn)


def test_an_async_invocation_needs_a_body(simulator: Simulator) -> None:
    """A request whose body is no JSON object names no model and is answered still."""
    client = simulator.client()
    for body in (b"[]", b"no json"):
        client.meta.events.register(
            "before-call.bedrock-runtime.StartAsyncInvoke",
            lambda params, body=body, **_: params.update(body=body),
        )
        client.start_async_invoke(
            modelId=CLAUDE, modelInput={}, outputDataConfig=S3, clientRequestToken="a"
        )

    assert [seen.model_id for seen in simulator.requests] == ["", ""]


@pytest.mark.parametrize("identifier", [PROFILE_ARN, "abc123def456"])
def test_a_profile_is_told_by_id_and_arn(simulator: Simulator, identifier: str) -> None:
    """GetInferenceProfile finds what the test added."""
    profile = InferenceProfile(arn=PROFILE_ARN, model_arns=(CLAUDE_ARN,), name="team-a")
    simulator.add_profile(profile)

    answer = simulator.client("bedrock").get_inference_profile(
        inferenceProfileIdentifier=identifier
    )

    assert answer["inferenceProfileArn"] == PROFILE_ARN
    assert answer["inferenceProfileId"] == "abc123def456"
    assert answer["inferenceProfileName"] == "team-a"
    assert answer["models"] == [{"modelArn": CLAUDE_ARN}]
    assert (answer["status"], answer["type"]) == ("ACTIVE", "APPLICATION")


def test_a_profile_of_aws_is_system_defined(simulator: Simulator) -> None:
    """The kind is read from the ARN."""
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{CLAUDE}"
    simulator.add_profile(InferenceProfile(arn=arn, model_arns=(CLAUDE_ARN,)))

    answer = simulator.client("bedrock").get_inference_profile(
        inferenceProfileIdentifier=f"us.{CLAUDE}"
    )

    assert answer["type"] == "SYSTEM_DEFINED"


def test_an_unknown_profile_is_not_found(simulator: Simulator) -> None:
    """The client raises ResourceNotFoundException."""
    client = simulator.client("bedrock")

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_inference_profile(inferenceProfileIdentifier=PROFILE_ARN)


def test_a_call_by_profile_is_answered_in_the_shape_of_its_model(
    simulator: Simulator, client: BaseClient
) -> None:
    """Without the profile nobody could tell the family from the ARN."""
    simulator.add_profile(InferenceProfile(arn=PROFILE_ARN, model_arns=(CLAUDE_ARN,)))

    answer = client.invoke_model(modelId=PROFILE_ARN, body=b"{}")

    assert json.loads(answer["body"].read())["type"] == "message"
