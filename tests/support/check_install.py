"""Check the installed distribution: what it brings, and what it does without extras.

A script for an environment that holds nothing but the wheel, pytest included.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution, distributions
from importlib.util import find_spec
from pathlib import Path

BASE = {"boto3", "botocore", "opentelemetry-api", "opentelemetry-sdk", "pydantic"}
EXTRAS_ONLY = {"click", "rich", "prometheus-client", "pytest", "requests"}


def check(*, holds: bool, message: str) -> None:
    """Stop with *message* unless the condition holds."""
    if not holds:
        sys.exit(message)


def main() -> None:
    """Check the distribution `bedrock-attrib` of this environment."""
    package = distribution("bedrock-attrib")
    required = {
        line.partition(">")[0]
        for line in package.requires or []
        if "extra ==" not in line
    }
    check(holds=required == BASE, message=f"base dependencies are {sorted(required)}")
    installed = {found.name.lower() for found in distributions()}
    surplus = sorted(installed & EXTRAS_ONLY)
    check(holds=not surplus, message=f"extras came along: {surplus}")

    spec = find_spec("bedrock_attrib")
    origin = str(spec.origin) if spec else "nowhere"
    check(holds="site-packages" in origin, message=f"imported from {origin}")
    folder = Path(origin).parent
    for name in ("py.typed", "pricing/prices.json", "_run/autostart/sitecustomize.py"):
        check(holds=(folder / name).is_file(), message=f"the wheel lacks {name}")

    command = [str(Path(sys.executable).parent / "bedrock-attrib"), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    check(
        holds="Traceback" not in told.stderr
        and ("bedrock-attrib[cli]" in told.stderr or "Usage" in told.stdout),
        message=f"the command without its extra says:\n{told.stdout}{told.stderr}",
    )
    print(f"{package.name} {package.version}: {len(installed)} distributions")


if __name__ == "__main__":
    main()
