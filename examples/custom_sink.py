"""Write every call as a line of JSON."""

import json
import sys

from bedrock_attrib import CallRecord, Recorder, attribution, instrument
from bedrock_attrib.testing import Reply, bedrock_simulator

MICRO = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which of these fits best?"}]}]


class JsonLinesSink:
    """Sink that writes records to standard output, on the recorder's thread."""

    def write(self, record: CallRecord) -> None:
        """Write one record; amounts as text, so that they stay exact."""
        line = {
            "team": record.tags.get("team"),
            "usd": str(record.cost.total.normalize()) if record.cost else None,
            "status": record.price_status,
            "outcome": record.outcome,
        }
        sys.stdout.write(json.dumps(line) + "\n")

    def flush(self, timeout_s: float) -> bool:
        """Flush the buffer; this takes less than *timeout_s*."""
        del timeout_s
        sys.stdout.flush()
        return True

    def close(self) -> None:
        """Leave standard output open."""


def main() -> None:
    """Make a call that works and one that AWS throttles."""
    recorder = Recorder(sinks=[JsonLinesSink()])
    with bedrock_simulator() as simulator, attribution(team="search"):
        bedrock = instrument(simulator.client(), recorder=recorder)
        bedrock.converse(modelId=MICRO, messages=MESSAGES)
        recorder.flush()
        simulator.reply(Reply(error="ThrottlingException"), times=1)
        try:
            bedrock.converse(modelId=MICRO, messages=MESSAGES)
        except bedrock.exceptions.ThrottlingException:
            print("throttled, as botocore says it")
    recorder.close()  # writes the remaining records


if __name__ == "__main__":
    main()

# Prints:
# {"team": "search", "usd": "0.00000154", "status": "priced", "outcome": "ok"}
# throttled, as botocore says it
# {"team": "search", "usd": null, "status": "free", "outcome": "error"}
