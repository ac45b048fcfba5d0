"""What importing the package adds to importing boto3 and the OpenTelemetry API.

Run: python benchmarks/bench_import.py

Each figure is the median over fresh interpreters, with byte code compiled.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

_RUNS = 15
_SCRIPT = """
import time
import boto3, opentelemetry.metrics
start = time.perf_counter()
import {module}
print((time.perf_counter() - start) * 1000)
"""


def added_ms(module: str) -> float:
    """Milliseconds that importing *module* adds."""
    command = [sys.executable, "-c", _SCRIPT.format(module=module)]
    times = [
        float(subprocess.run(command, check=True, capture_output=True).stdout)
        for _ in range(_RUNS + 1)
    ]
    return statistics.median(times[1:])


def main() -> None:
    """Print a line for the package and for what it loads with its first recorder."""
    for module in ("bedrock_attrib", "bedrock_attrib.pricing", "pydantic.main"):
        print(f"import {module}: {added_ms(module):.1f} ms")


if __name__ == "__main__":
    main()
