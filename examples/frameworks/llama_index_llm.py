"""Ask with llama-index, and see what it spent."""

import os

from llama_index.llms.bedrock_converse import BedrockConverse

from bedrock_attrib import attribution, instrument
from bedrock_attrib.testing import bedrock_simulator

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def main() -> None:
    """Ask a question on this machine; without its two lines, AWS is asked."""
    instrument()  # every client that is created from now on
    with bedrock_simulator() as simulator:
        os.environ.update(simulator.environment)
        model = BedrockConverse(model=SONNET, region_name="us-east-1")
        with attribution(team="search", app="ranker") as spend:
            answer = model.complete("How is the weather?").text
    print(answer)
    print(f"{spend.calls} call, {spend.cost:.7f} USD")


if __name__ == "__main__":
    main()

# Prints:
# Hello from this machine.
# 1 call, 0.0001716 USD
