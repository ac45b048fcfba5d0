"""The one simulator of a process, which boto3 finds through the environment."""

from __future__ import annotations

import atexit
import os
from functools import cache

from ._simulator import Simulator

# Settings that boto3 would otherwise take from the machine.
SETTINGS_OF_THE_MACHINE = (
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SESSION_TOKEN",
)


@cache
def process_simulator() -> Simulator:
    """Return the simulator of this process; it is started when first asked for."""
    simulator = Simulator()
    atexit.register(simulator.close)
    return simulator


def use_simulator() -> Simulator:
    """Have every boto3 client of this process use one simulator, from now on.

    Sets its URL, dummy credentials and the region us-east-1 in ``os.environ``, so call
    it before the application is imported if that creates clients at import. The
    fixture ``bedrock_endpoint`` is the same simulator, reset for each test.

    Returns:
        The simulator, which runs until the process ends; always the same one.
    """
    simulator = process_simulator()
    for name in SETTINGS_OF_THE_MACHINE:
        os.environ.pop(name, None)
    os.environ.update(simulator.environment)
    return simulator
