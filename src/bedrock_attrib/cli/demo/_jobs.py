"""Jobs of the demo's fictional company: teams, apps, models and calls.

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
# Its ARN does not name a model, so its price is unknown.
PROFILE = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1evals7q2m9"
)
GUARDRAIL = "gr1support0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A call of a job that differs from the others.

    Attributes:
        error: AWS error code of its reply; None for success.
        fault: Break in the reply; None for a complete one.
        usage: Its usage; None for that of the others.
        events: Events that are read before the stream is abandoned; None for all.
    """

    error: str | None = None
    fault: Fault | None = None
    usage: Usage | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calls of one kind that one app makes throughout.

    Attributes:
        team: Team of the app.
        app: Name of the app.
        experiment: Variant of the app.
        operation: Operation of bedrock-runtime, as AWS spells it.
        target: Model id, ARN or guardrail that is called.
        region: Calling region.
        calls: Number of calls.
        usage: Usage of an ordinary call; text tokens vary around it.
        tier: Service tier that is requested and serves the calls; None for default.
        turns: Calls that differ, by their number from zero.
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
_ABANDONED = Turn(events=4)
# The first call of a job writes to the prompt cache what the others read from it. It
# calls InvokeModel, as older botocore drops the cache lifetimes of Converse.
_FIVE_MINUTES = Turn(
    usage=tokens(input_tokens=600, output_tokens=240, cache_write_5m_tokens=1500)
)
_ONE_HOUR = Turn(
    usage=tokens(input_tokens=300, output_tokens=700, cache_write_1h_tokens=24000)
)

# Streams that end early are estimated from the complete streams of their job, so they
# come at the end of a job, which alone makes calls of its kind.
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
        turns={22: _ABANDONED, 23: _ABANDONED},
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
