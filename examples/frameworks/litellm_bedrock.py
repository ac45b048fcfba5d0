"""Ask with litellm, and see what it spent."""

import os

import litellm
from litellm.llms.custom_httpx.http_handler import HTTPHandler

from bedrock_attrib import attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import bedrock_simulator

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def main() -> None:
    """Ask a question on this machine; without its three lines, AWS is asked."""
    http = HTTPHandler()
    instrument(http.client)  # litellm does not use boto3 but httpx
    with bedrock_simulator() as simulator:
        os.environ.update(simulator.environment)
        os.environ["AWS_BEDROCK_RUNTIME_ENDPOINT"] = simulator.endpoint_url
        with attribution(team="search", app="ranker") as spend:
            answer = litellm.completion(
                model=f"bedrock/{SONNET}",
                messages=[{"role": "user", "content": "How is the weather?"}],
                client=http,
            )
    print(answer.choices[0].message.content)
    print(f"{spend.calls} call, {spend.cost:.7f} USD")


if __name__ == "__main__":
    main()

# Prints:
# Hello from this machine.
# 1 call, 0.0001716 USD
