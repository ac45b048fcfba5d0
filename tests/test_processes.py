"""Every call is counted once, over parents and children and however they end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import HANG_S

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
)

from programs import BIN, METERED, Stage
from programs import stage as open_stage

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A Bedrock and a collector, for programs of one test."""
    with open_stage(tmp_path) as stage:
        yield stage


ENDS = {
    "its last line": ("", 0),
    "sys.exit": ("sys.exit(7)", 7),
    "an exception": ("raise SystemError", 1),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    "SIGTERM, handled": (
        """signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
os.kill(os.getpid(), signal.SIGTERM)""",
        143,
    ),
}

COMMON = {"its last line", "SIGTERM, handled"}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(*end, id=name, marks=[pytest.mark.slow] * (name not in COMMON))
        for name, end in ENDS.items()
    ],
)
def test_a_process_that_ends_leaves_nothing_behind(
    stage: Stage, end: str, code: int
) -> None:
    """A call that ended, and a stream that is open, are exported at exit.

    The provider is set after everything else, as its own exit handler then comes
    first.
    """
    stage.python(
        f"""{METERED}
client = make_client()
client.converse(**CALL)
stream = client.converse_stream(**CALL)["stream"]
next(iter(stream))
set_provider()
{end}
""",
        code,
    )
    outcomes = stage.collector.values("bedrock_attrib.calls", "outcome")
    assert outcomes == {"ok": 1, "abandoned": 1}
    assert len(stage.simulator.requests) == 2


LOST = {
    "os._exit": ("os._exit(0)", 0),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize(("end", "code"), LOST.values(), ids=LOST)
@pytest.mark.parametrize("flush", [False, True])
def test_a_process_that_is_ended_loses_what_it_did_not_flush(
    stage: Stage, end: str, code: int, *, flush: bool
) -> None:
    """Where Python runs no exit handler, what was flushed is there and no more."""
    stage.python(
        f"""{METERED}
from bedrock_attrib.serverless import flush
set_provider()
make_client().converse(**CALL)
if {flush}:
    assert flush()
{end}
""",
        code,
    )
    assert stage.calls == int(flush)


def test_a_thread_reads_on_after_the_main_thread_has_ended(stage: Stage) -> None:
    """A stream is not given up while a thread that Python waits for may read it."""
    stage.python(f"""{METERED}
import threading
from opentelemetry.metrics import get_meter_provider
set_provider()

def read():
    stream = iter(make_client().converse_stream(**CALL)["stream"])
    next(stream)
    threading.main_thread().join()
    get_meter_provider().force_flush()
    for _ in stream:
        pass

threading.Thread(target=read).start()
""")
    outcomes = stage.collector.values("bedrock_attrib.calls", "outcome")
    assert outcomes == {"ok": 1}


@forks
def test_a_fork_in_the_midst_of_calls(stage: Stage) -> None:
    """Pending calls and open streams are the parent's; a child counts its own."""
    stage.python(f"""{METERED}
set_provider()
client = make_client()
with attribution(team="parent"):
    stream = iter(client.converse_stream(**CALL)["stream"])
    unread = client.converse_stream(**CALL)["stream"]
next(stream)
with attribution(team="parent"):
    client.converse(**CALL)
child = os.fork()
if not child:
    del unread
    stream.close()
    with attribution(team="child"):
        make_client().converse(**CALL)
        grandchild = os.fork()
        make_client().converse(**CALL)
        if grandchild:
            os.waitpid(grandchild, 0)
    sys.exit()
os.waitpid(child, 0)
for _ in stream:
    pass
for _ in unread:
    pass
""")
    teams = stage.collector.values("bedrock_attrib.calls", "team")
    assert teams == {"parent": 3, "child": 3}
    assert stage.collector.values("bedrock_attrib.calls", "outcome") == {"ok": 6}
    assert stage.recordings == 6


@pytest.mark.slow
@forks
def test_a_fork_while_threads_call(stage: Stage) -> None:
    """Whatever threads of the parent were at, its children go on and count once.

    But for an export: opentelemetry-sdk 1.45.2 never frees the lock of one in a child.
    """
    stage.python(f"""{METERED}
import threading
from bedrock_attrib import get_recorder
set_provider()
client = make_client()
is_over = threading.Event()

def call():
    while not is_over.wait(0.002):
        client.converse(**CALL)
        list(client.converse_stream(**CALL)["stream"])

def settle():
    while not is_over.wait(0.002):
        get_recorder().flush()

threads = [threading.Thread(target=work) for work in (call, call, settle)]
for thread in threads:
    thread.start()
children = []
for _ in range(4):
    time.sleep(0.03)
    child = os.fork()
    if not child:
        make_client().converse(**CALL)
        sys.exit()
    children.append(child)
is_over.set()
for thread in threads:
    thread.join()
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
""")
    requests = len(stage.simulator.requests)
    assert requests > 6
    assert (stage.calls, stage.recordings) == (requests, requests)


POOLS = """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing

def work(number):
    with attribution(team="worker"):
        make_client().converse(**CALL)

set_provider()

def main(method):
    context = multiprocessing.get_context(method)
    make_client().converse(**CALL)
    with ProcessPoolExecutor(2, context) as pool:
        list(pool.map(work, range(4)))
    process = context.Process(target=work, args=(0,))
    process.start()
    process.join()
    if method == "fork":  # the same as the executor, and each process takes a second
        pool = context.Pool(1)
        pool.map(work, range(2))
        pool.close()
        pool.join()

if __name__ == "__main__":
    main(sys.argv[1])
"""


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("fork", marks=forks),
        pytest.param("forkserver", marks=[forks, pytest.mark.slow]),
        pytest.param("spawn", marks=pytest.mark.slow),
    ],
)
def test_process_pools(stage: Stage, method: str) -> None:
    """Workers export what they did, although they run no exit handlers of others."""
    program = stage.write(METERED + POOLS)
    stage.run(BIN / "python", "-W", "ignore", program, method)
    jobs = 7 if method == "fork" else 5
    teams = stage.collector.values("bedrock_attrib.calls", "team")
    assert teams == {"-": 1, "worker": jobs}
    assert stage.recordings == 1 + jobs


@pytest.mark.slow
@forks
def test_a_worker_whose_collector_is_gone_ends_all_the_same(stage: Stage) -> None:
    """A child waits for a collector that does not answer for some seconds at most."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        printed = stage.python(
            f"""{METERED}
import multiprocessing
set_provider()
process = multiprocessing.get_context("fork").Process(
    target=lambda: make_client().converse(**CALL)
)
process.start()
process.join()
print(process.exitcode)
os._exit(0)
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="6000",
        )
    assert printed == "0\n"


SHOP = """
client = make_client()

def shop(environ, start_response):
    client.converse(**CALL)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def ask(port: int) -> str:
    """One request to a server on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_S)
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


@pytest.mark.slow
@forks
@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn(stage: Stage, *, preload: bool) -> None:
    """Workers of a server that forks count their own, with or without preloading."""
    pytest.importorskip("gunicorn", reason="needs the extra test")
    stage.write(METERED + "set_provider()\n" + SHOP, "shop.py")
    options = ["--preload"] if preload else []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        bind = ["--bind", f"fd://{server.fileno()}"]
        with stage.running(
            BIN / "gunicorn",
            *("--workers", "2", "--no-control-socket", *bind, *options, "shop:shop"),
            pass_fds=[server.fileno()],
        ) as gunicorn:
            workers = {ask(port) for _ in range(8)}
            gunicorn.send_signal(signal.SIGTERM)
            assert gunicorn.wait(HANG_S) == 0
    assert str(gunicorn.pid) not in workers
    assert (stage.calls, stage.recordings) == (8, 8)


WAITING = """
import os, signal, sys, threading
import boto3
from bedrock_attrib import configure, instrument

class Printing:
    def write(self, record):
        print(record.model.requested, record.outcome, record.error,
              record.price_status, record.price_reason_code, flush=True)
    def flush(self, timeout_s):
        return True
    def close(self):
        pass

configure(sinks=[Printing()], metrics=False)
client = instrument(boto3.client(
    "bedrock-runtime", region_name="us-east-1", endpoint_url=sys.argv[1],
    aws_access_key_id="x", aws_secret_access_key="x",
))
def call(model):
    client.converse(modelId=model, messages=[{"role": "user", "content": []}])

sys.stdin.readline()  # nothing is sent before both sides are ready
threading.Thread(target=call, args=("amazon.nova-lite-v1:0",), daemon=True).start()
def interrupt():
    sys.stdin.readline()  # both calls wait
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
call("amazon.nova-pro-v1:0")
"""


def test_calls_that_wait_when_the_program_ends() -> None:
    """A call without an answer yet is recorded, on whatever thread it waits."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        program = subprocess.Popen(
            [sys.executable, "-c", WAITING, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
        connections = [silent.accept()[0], silent.accept()[0]]
        for connection in connections:
            connection.settimeout(HANG_S)
            assert connection.recv(1)
        output, errors = program.communicate("\n", timeout=HANG_S)
        for connection in connections:
            connection.close()
    assert "KeyboardInterrupt" in errors
    assert sorted(output.splitlines()) == [
        f"amazon.nova-{size}-v1:0 abandoned Interrupted unpriced no_answer"
        for size in ("lite", "pro")
    ]
