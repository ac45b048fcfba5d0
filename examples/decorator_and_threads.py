"""Attribute functions, and carry the tags into a pool of threads."""

from concurrent.futures import ThreadPoolExecutor

from botocore.client import BaseClient

from bedrock_attrib import attribution, current_tags, instrument
from bedrock_attrib.propagation import CarryingExecutor
from bedrock_attrib.testing import bedrock_simulator

MICRO = "us.amazon.nova-micro-v1:0"


@attribution(app="summaries")
def summarise(bedrock: BaseClient, text: str) -> dict[str, str]:
    """Summarise *text*, and return the tags of the call."""
    messages = [{"role": "user", "content": [{"text": f"Summarise: {text}"}]}]
    bedrock.converse(modelId=MICRO, messages=messages)
    return dict(current_tags())


def main() -> None:
    """Summarise three stories at once for one team."""
    stories = ["a fire", "a flood", "a feast"]
    # A thread starts without tags: the wrapper gives each job its submitter's tags.
    pool = CarryingExecutor(ThreadPoolExecutor())
    with bedrock_simulator() as simulator, pool:
        bedrock = instrument(simulator.client())
        with attribution(team="news") as spend:
            jobs = [pool.submit(summarise, bedrock, story) for story in stories]
            tags = [job.result() for job in jobs]
    print(tags[0])
    print(f"{spend.calls} calls, {spend.cost:.8f} USD")


if __name__ == "__main__":
    main()

# Prints:
# {'team': 'news', 'app': 'summaries'}
# 3 calls, 0.00000462 USD
