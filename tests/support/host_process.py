"""Make calls while the process is patched and forked, and print what was recorded.

Usage: host_process.py URL LIBRARY PATCHED FORK FORKED. Prints a line of JSON for each
process: who it is, and the tag and the id of each of its records.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path

URL, LIBRARY, PATCHED, FORK, FORKED = sys.argv[1:]


def patch() -> None:
    """Replace Python's threads and sockets by greenlets."""
    if LIBRARY == "gevent":
        importlib.import_module("gevent.monkey").patch_all()
    elif LIBRARY == "eventlet":
        importlib.import_module("eventlet").monkey_patch()


def fork() -> int:
    """Fork as Python does, or as a server does that is written in C."""
    if FORK == "C":
        wait_for_idle_threads()
        return int(ctypes.PyDLL(None).fork())
    child = os.fork()
    if child == 0 and LIBRARY == "eventlet":
        importlib.import_module("eventlet.hubs").use_hub()  # as its servers do
    return child


def wait_for_idle_threads() -> None:
    """Let no other thread wait for the interpreter's lock, whose state a child copies.

    Without Python's own reset of that lock, the child would wait for ever.
    """
    idle = 0
    while idle < 3:
        time.sleep(0.02)
        states = [
            Path(task, "stat").read_text().rpartition(")")[2].split()[0]
            for task in Path("/proc/self/task").iterdir()
            if task.name != str(threading.get_native_id())
        ]
        idle = idle + 1 if set(states) <= {"S"} else 0


def close() -> None:
    """Have the client open a connection of its own."""
    if "client" in globals():
        client.close()


def reach(point: str) -> None:
    """Patch or fork, if that is to be done here."""
    if point == PATCHED:
        patch()
    if point == FORKED and FORK != "none":
        process.child = fork()
        if process.child == 0:
            process.who = "child"
            seen.clear()  # what the parent's sink had; what comes now is the child's
            close()  # the connection is the parent's


class Process:
    """This process."""

    who = "parent"
    child = 0


process = Process()
seen: list[tuple[str, str]] = []
reach("start")

import boto3  # noqa: E402

from bedrock_attrib import Recorder, attribution, instrument  # noqa: E402


class Records:
    """A sink of the application's own."""

    def write(self, record: object) -> None:
        """Note the tag and the id."""
        seen.append((record.tags["who"], record.id))  # type: ignore[attr-defined]

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits."""
        return timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


client = boto3.client(
    "bedrock-runtime",
    region_name="us-east-1",
    endpoint_url=URL,
    aws_access_key_id="x",
    aws_secret_access_key="x",
)
reach("imported")
recorder = Recorder(sinks=[Records()])
instrument(client, recorder=recorder)
reach("instrumented")


def call() -> None:
    """Make a call that is attributed to this process."""
    with attribution(who=process.who) as spend:
        client.converse(
            modelId="us.amazon.nova-micro-v1:0",
            messages=[{"role": "user", "content": [{"text": "x"}]}],
        )
        assert spend.calls == 1


call()
reach("called")
call()
call()
assert recorder.flush(60)
os.write(1, json.dumps([process.who, seen]).encode() + b"\n")  # in one piece
if process.who == "child":
    os._exit(0)
if process.child:
    os.waitpid(process.child, 0)
