"""Show cost by team as OpenTelemetry collects it."""

from collections import Counter

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    NumberDataPoint,
)

from bedrock_attrib import attribution, instrument
from bedrock_attrib.testing import bedrock_simulator

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which of these fits best?"}]}]


def cost_by_team(reader: InMemoryMetricReader) -> Counter[str]:
    """Sum the points of ``bedrock_attrib.cost`` by team, in units of 1e-8 USD."""
    total: Counter[str] = Counter()
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name != "bedrock_attrib.cost":
                    continue
                for point in metric.data.data_points:
                    if isinstance(point, NumberDataPoint) and point.attributes:
                        team = str(point.attributes["bedrock_attrib.team"])
                        total[team] += round(point.value * 1e8)
    return total


def main() -> None:
    """Let two teams make calls and collect once."""
    # In an application: PeriodicExportingMetricReader with the exporter of your choice.
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    with bedrock_simulator() as simulator:
        bedrock = instrument(simulator.client())
        for team, model in (("search", SONNET), ("search", MICRO), ("ads", MICRO)):
            with attribution(team=team):
                bedrock.converse(modelId=model, messages=MESSAGES)
    for team, amount in cost_by_team(reader).most_common():
        print(f"{team:8}{amount / 1e8:.8f} USD")


if __name__ == "__main__":
    main()

# Prints:
# search  0.00017314 USD
# ads     0.00000154 USD
