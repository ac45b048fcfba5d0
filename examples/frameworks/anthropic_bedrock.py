"""Ask with anthropic's own client for Bedrock, and see what it spent."""

import anthropic

from bedrock_attrib import attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import bedrock_simulator

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def main() -> None:
    """Ask a question on this machine; without its address and keys, AWS is asked."""
    with bedrock_simulator() as simulator:
        client = anthropic.AnthropicBedrock(
            aws_region="us-east-1",
            aws_access_key="simulated",
            aws_secret_key="simulated",
            base_url=simulator.endpoint_url,
            # It does not use boto3 but httpx, whose event hooks are used instead.
            http_client=instrument(anthropic.DefaultHttpxClient()),
        )
        with client, attribution(team="search", app="ranker") as spend:
            message = client.messages.create(
                model=SONNET,
                max_tokens=100,
                messages=[{"role": "user", "content": "How is the weather?"}],
            )
    print(message.content[0].text)
    print(f"{spend.calls} call, {spend.cost:.7f} USD")


if __name__ == "__main__":
    main()

# Prints:
# Hello from this machine.
# 1 call, 0.0001716 USD
