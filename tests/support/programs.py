"""Programs in processes of their own, with a Bedrock and a collector here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector import Collector, collector
from waiting import HANG_S

from bedrock_attrib.testing import Simulator, bedrock_simulator

BIN = Path(sys.executable).parent
SUPPORT = Path(__file__).parent

# What every program stands on. It knows nothing of bedrock_attrib.
PLAIN = """\
import os, signal, sys, time
import boto3

CALL = {
    "modelId": "us.amazon.nova-micro-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
}

def make_client():
    return boto3.client("bedrock-runtime")
"""
# What a program says that meters its calls itself.
METERED = (
    PLAIN
    + """
from bedrock_attrib import attribution, instrument
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

def set_provider():
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    set_meter_provider(MeterProvider([reader]))

instrument()
"""
)


@dataclass(slots=True)
class Stage:
    """A Bedrock and a collector on this machine, for the programs of one test.

    Attributes:
        folder: Where programs are written and run.
        simulator: The Bedrock that they call.
        collector: What they export to.
        environment: What they are told.
    """

    folder: Path
    simulator: Simulator
    collector: Collector
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, source: str, name: str = "program.py") -> Path:
        """Write a program."""
        path = self.folder / name
        path.write_text(source, "utf-8")
        return path

    def run(
        self, *command: str | Path, code: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* to its end, which has to have *code*."""
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env=self.environment | environment,
            timeout=HANG_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def python(self, source: str, code: int = 0, **environment: str) -> str:
        """Run a Python program; what it prints."""
        path = self.write(source)
        return self.run(sys.executable, path, code=code, **environment).stdout

    @contextmanager
    def running(
        self, *command: str | Path, pass_fds: Sequence[int] = (), **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start *command*; it is killed when the block ends."""
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=self.folder,
            encoding="utf-8",
            env=self.environment | environment,
            pass_fds=pass_fds,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @property
    def calls(self) -> float:
        """Calls that the collector knows of, over all processes."""
        return self.collector.total("bedrock_attrib.calls")

    @property
    def recordings(self) -> float:
        """Recordings of the histogram of durations, over all processes."""
        return self.collector.total("gen_ai.client.operation.duration")


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything that a program needs, until the block ends."""
    with bedrock_simulator() as simulator, collector() as found:
        own = {
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": simulator.endpoint_url,
            "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")])
            ),
        }
        environment = dict(os.environ) | own | found.environment
        yield Stage(folder, simulator, found, environment)
