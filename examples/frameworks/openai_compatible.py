"""Ask with openai's client at Bedrock's compatible endpoint, and see what it spent."""

import openai

from bedrock_attrib import attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import bedrock_simulator

GPT = "openai.gpt-5.6-luna"


def main() -> None:
    """Ask a question on this machine.

    At AWS, whose address says the region, `instrument` needs the client only.
    """
    with bedrock_simulator() as simulator:
        http_client = instrument(
            openai.DefaultHttpxClient(),
            endpoint_url=simulator.endpoint_url,
            region="us-east-1",
        )
        client = openai.OpenAI(
            base_url=f"{simulator.endpoint_url}/openai/v1",
            api_key="simulated",
            http_client=http_client,
        )
        with client, attribution(team="search", app="ranker") as spend:
            stream = client.chat.completions.create(
                model=GPT,
                messages=[{"role": "user", "content": "How is the weather?"}],
                stream=True,
                stream_options={"include_usage": True},  # or it has to be estimated
            )
            chunks = [chunk for chunk in stream if chunk.choices]
    print("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    print(f"{spend.calls} call, {spend.cost:.7f} USD")


if __name__ == "__main__":
    main()

# Prints:
# Hello from this machine.
# 1 call, 0.0000132 USD
