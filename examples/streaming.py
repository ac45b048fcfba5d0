"""Read one stream to its end and abandon another half-way."""

from contextlib import closing

from bedrock_attrib import Recorder, attribution, instrument
from bedrock_attrib.testing import ListSink, bedrock_simulator

MICRO = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which of these fits best?"}]}]


def main() -> None:
    """Show that only a stream read to its end has a certain price."""
    sink = ListSink()
    with bedrock_simulator() as simulator:
        bedrock = instrument(simulator.client(), recorder=Recorder(sinks=[sink]))

        with attribution(team="search") as spend:
            answer = bedrock.converse_stream(modelId=MICRO, messages=MESSAGES)
        for event in answer["stream"]:  # after the block, but attributed to its team
            if "contentBlockDelta" in event:
                print(event["contentBlockDelta"]["delta"]["text"], end="")
        print(f"\n{spend.calls} call, {spend.usage}")

        answer = bedrock.converse_stream(modelId=MICRO, messages=MESSAGES)
        with closing(answer["stream"]) as stream:
            next(iter(stream))

    for record in sink.records:
        print(record.outcome, record.price_status)


if __name__ == "__main__":
    main()

# Prints:
# Hello from this machine.
# 1 call, Usage({input_token: 12, output_token: 8})
# ok priced
# abandoned estimated
