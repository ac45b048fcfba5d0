"""Meter one call and print what it cost."""

from bedrock_attrib import attribution, instrument
from bedrock_attrib.testing import bedrock_simulator

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which of these fits best?"}]}]


def main() -> None:
    """Call Claude once; the simulator replaces AWS."""
    with bedrock_simulator() as simulator:
        # Against AWS: instrument(boto3.client("bedrock-runtime"))
        bedrock = instrument(simulator.client())
        with attribution(team="search", app="ranker") as spend:
            bedrock.converse(modelId=SONNET, messages=MESSAGES)
        print(f"{spend.cost:.7f} USD for {spend.calls} call: {spend.usage}")


if __name__ == "__main__":
    main()

# Prints:
# 0.0001716 USD for 1 call: Usage({input_token: 12, output_token: 8})
