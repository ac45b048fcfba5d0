"""The made-up company of the demo: which team asks which model for what, how often.

Model names are real so that list prices apply; teams, counts and answers are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._model.usage import Unit, Usage
from ...testing import Fault, FaultKind, tokens

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA_LITE = "amazon.nova-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
TITAN_EMBED = "amazon.titan-embed-text-v2:0"
RERANK = "cohere.rerank-v3-5:0"
NOVA_CANVAS = "amazon.nova-canvas-v1:0"
# Made by a team for itself: its ARN names no model, so nobody knows the price.
PROFILE = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1evals7q2m9"
)
GUARDRAIL = "gr1support0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How one call of a job goes another way than the others.

    Attributes:
        error: AWS error code that it is answered with; None for a good answer.
        fault: Break in the answer; None for a whole one.
        usage: What it uses; None for as much as the others.
        events: Events of the stream that are read before it is given up; None for
            all.
    """

    error: str | None = None
    fault: Fault | None = None
    usage: Usage | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calls of one kind that one app makes all along.

    Attributes:
        team: Whose app it is.
        app: Which app it is.
        experiment: Which variant of the app it is.
        operation: Operation of bedrock-runtime, as AWS spells it.
        target: Model id, ARN or guardrail that is called.
        region: Calling region.
        calls: How many calls there are.
        usage: What an ordinary call uses; text tokens vary around it.
        tier: Service tier that is asked for and serves the calls; None for default.
        turns: Calls that go another way, by their number from zero.
    """

    team: str
    app: str
    experiment: str
    operation: str
    target: str
    region: str = "us-east-1"
    calls: int
    usage: Usage
    tier: str | None = None
    turns: Mapping[int, Turn] = field(default_factory=dict)


_THROTTLED = Turn(error="ThrottlingException")
_INVALID = Turn(error="ValidationException")
_BROKEN = Turn(fault=Fault(FaultKind.EXCEPTION_EVENT, after=5))
_GIVEN_UP = Turn(events=4)
# The first call of a job writes to the prompt cache what the others read from it. It
# calls InvokeModel, as older botocore drops what Converse says of cache lifetimes.
_FIVE_MINUTES = Turn(
    usage=tokens(input_tokens=600, output_tokens=240, cache_write_5m_tokens=1500)
)
_ONE_HOUR = Turn(
    usage=tokens(input_tokens=300, output_tokens=700, cache_write_1h_tokens=24000)
)

# Streams that end early are estimated from what their job's whole streams taught, so
# they stand at the end of a job, and their job alone makes calls of its kind.
JOBS = (
    Job(
        team="search",
        app="ranker",
        experiment="prompt-v7",
        operation="InvokeModel",
        target=SONNET,
        calls=22,
        usage=tokens(input_tokens=600, output_tokens=240, cache_read_tokens=1500),
        turns={0: _FIVE_MINUTES, 9: _THROTTLED},
    ),
    Job(
        team="search",
        app="ranker",
        experiment="prompt-v8",
        operation="Converse",
        target=HAIKU,
        calls=26,
        usage=tokens(input_tokens=1500, output_tokens=210),
    ),
    Job(
        team="search",
        app="ranker",
        experiment="prompt-v8",
        operation="InvokeModel",
        target=RERANK,
        calls=26,
        usage=tokens(input_tokens=3000),
    ),
    Job(
        team="search",
        app="indexer",
        experiment="nightly",
        operation="InvokeModel",
        target=TITAN_EMBED,
        calls=40,
        usage=tokens(input_tokens=6400),
    ),
    Job(
        team="support",
        app="chat",
        experiment="control",
        operation="ConverseStream",
        target=SONNET,
        calls=18,
        usage=tokens(input_tokens=1300, output_tokens=380),
    ),
    Job(
        team="support",
        app="chat",
        experiment="concise",
        operation="ConverseStream",
        target=HAIKU,
        calls=24,
        usage=tokens(input_tokens=1100, output_tokens=160),
        turns={22: _GIVEN_UP, 23: _GIVEN_UP},
    ),
    Job(
        team="support",
        app="chat",
        experiment="control",
        operation="ApplyGuardrail",
        target=GUARDRAIL,
        calls=18,
        usage=Usage(
            {
                Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 2,
                Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 2,
            }
        ),
    ),
    Job(
        team="support",
        app="triage",
        experiment="flex",
        operation="InvokeModel",
        target=GPT_OSS,
        region="us-west-2",
        calls=20,
        usage=tokens(input_tokens=2600, output_tokens=120),
        tier="flex",
    ),
    Job(
        team="support",
        app="triage",
        experiment="flex",
        operation="CountTokens",
        target="anthropic.claude-haiku-4-5-20251001-v1:0",
        region="us-west-2",
        calls=10,
        usage=tokens(input_tokens=1100),
    ),
    Job(
        team="research",
        app="reader",
        experiment="cache-1h",
        operation="InvokeModelWithResponseStream",
        target=SONNET,
        calls=12,
        usage=tokens(input_tokens=300, output_tokens=700, cache_read_tokens=24000),
        turns={0: _ONE_HOUR},
    ),
    Job(
        team="research",
        app="evals",
        experiment="llama",
        operation="InvokeModelWithResponseStream",
        target=LLAMA,
        calls=16,
        usage=tokens(input_tokens=2100, output_tokens=450),
        turns={15: _BROKEN},
    ),
    Job(
        team="research",
        app="evals",
        experiment="nova",
        operation="Converse",
        target=NOVA_LITE,
        region="eu-west-1",
        calls=24,
        usage=tokens(input_tokens=2100, output_tokens=430),
        turns={5: _THROTTLED, 6: _THROTTLED, 14: _INVALID},
    ),
    Job(
        team="research",
        app="evals",
        experiment="profile",
        operation="Converse",
        target=PROFILE,
        calls=6,
        usage=tokens(input_tokens=2100, output_tokens=440),
    ),
    Job(
        team="research",
        app="posters",
        experiment="v2",
        operation="InvokeModel",
        target=NOVA_CANVAS,
        calls=8,
        usage=Usage({Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD: 2}),
    ),
)
