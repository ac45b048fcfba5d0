"""Tags of jobs of Celery and RQ, with real workers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from waiting import HANG_S, wait_until

from bedrock_attrib.testing import Simulator

ROOT = Path(__file__).parent.parent.parent
SUPPORT = ROOT / "tests/support"

needs_celery = pytest.mark.skipif(
    find_spec("celery") is None, reason="Celery is not installed"
)
needs_rq = pytest.mark.skipif(find_spec("rq") is None, reason="RQ is not installed")

CELERY_TASKS = """
import os
import paid_jobs
from bedrock_attrib.propagation.celery import attribute_tasks
from celery import Celery

attribute_tasks()

url = os.environ.get("REDIS")
app = Celery("tasks", broker=url or "memory://", backend=url or "cache+memory://")
app.conf.broker_connection_retry_on_startup = True

@app.task(bind=True, max_retries=1, default_retry_delay=0)
def summarise(self, text="A long story."):
    if text == "again" and not self.request.retries:
        raise self.retry()
    if text == "broken":
        raise ValueError(text)
    return paid_jobs.summarise("A long story.")

@app.task
def after(before):
    return [before, paid_jobs.summarise("A long story.")]
"""

CELERY_SENDER = """
import json
from tasks import after, summarise
from bedrock_attrib import attribution, current_tags, get_recorder

def get(sent):
    return sent.get(timeout=600)

def send():
    with attribution(team="search", experiment="v7", secret="s3"):
        found = {
            "plain": get(summarise.delay()),
            "retried": get(summarise.delay("again")),
            "chained": get((summarise.s() | after.s()).delay()),
        }
        broken = summarise.delay("broken")
    found["behind a broken one"] = get(summarise.delay())
    with attribution(team="ads"):
        found["of another"] = get(summarise.delay())
        found["eager"] = summarise.apply().get()
    try:
        get(broken)
    except ValueError as error:
        found["broken"] = str(error)
    return found
"""

SEARCH = {"environment": "worker", "team": "search", "experiment": "v7"}
ADS = {"environment": "worker", "team": "ads"}
NOBODY = {"environment": "worker"}
BY_CELERY = {
    "plain": SEARCH,
    "retried": SEARCH,
    "chained": [SEARCH, SEARCH],
    "behind a broken one": NOBODY,
    "of another": ADS,
    "eager": ADS,
    "broken": "broken",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with tasks and their sender."""
    (tmp_path / "tasks.py").write_text(CELERY_TASKS, "utf-8")
    (tmp_path / "sender.py").write_text(CELERY_SENDER, "utf-8")
    return tmp_path


@pytest.fixture
def environment(folder: Path, simulator: Simulator) -> dict[str, str]:
    """The environment of senders and workers."""
    return os.environ | {
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": simulator.endpoint_url,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(folder), str(SUPPORT)]),
        "RECORDS": str(folder / "records"),
    }


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of our own."""
    command = shutil.which("redis-server")
    if command is None or find_spec("redis") is None:
        pytest.skip("Redis, the server or its client, is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = subprocess.Popen(
        [command, "--bind", "127.0.0.1", "--port", port, "--save", ""],
        cwd=tmp_path_factory.mktemp("redis"),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(int(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(HANG_S)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""

    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_open)


def run(program: str, folder: Path, environment: dict[str, str]) -> object:
    """What *program* prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        cwd=folder,
        env=environment,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: object = json.loads(done.stdout.splitlines()[-1])
    return result


def recorded(folder: Path) -> list[dict[str, str]]:
    """The tags of all records that reached the sink."""
    lines = (folder / "records").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
@needs_celery
def test_celery_threads(folder: Path, environment: dict[str, str]) -> None:
    """A worker with threads: plain, retried, chained and broken tasks."""
    program = """
from celery.contrib.testing.worker import start_worker
from sender import *
import tasks
with start_worker(tasks.app, perform_ping_check=False, pool="threads", concurrency=2):
    found = send()
get_recorder().flush()
print(json.dumps(found))
"""
    assert run(program, folder, environment) == BY_CELERY
    expected = [SEARCH, SEARCH, SEARCH, SEARCH, NOBODY, ADS, ADS]
    assert sorted(map(str, recorded(folder))) == sorted(map(str, expected))


@pytest.mark.slow
@needs_celery
def test_celery_processes(
    folder: Path, environment: dict[str, str], redis_url: str
) -> None:
    """A worker with forked processes, which tell their records before they end."""
    environment["REDIS"] = redis_url
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=2"],
        cwd=folder,
        env=environment | {"C_FORCE_ROOT": "1"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        program = "from sender import *\nprint(json.dumps(send()))"
        assert run(program, folder, environment) == BY_CELERY
    finally:
        worker.terminate()
        worker.wait(HANG_S)
    expected = [SEARCH, SEARCH, SEARCH, SEARCH, NOBODY, ADS]
    by_workers = recorded(folder)
    by_workers.remove(ADS)  # the eager one, told by the sender at its exit
    assert sorted(map(str, by_workers)) == sorted(map(str, expected))


RQ_SENDER = """
import json, os
import paid_jobs
from redis import Redis
from rq import Queue
from bedrock_attrib.propagation.rq import AttributedJob
from bedrock_attrib import attribution
from bedrock_attrib.propagation import carry

redis = Redis.from_url(os.environ["REDIS"])
queue = Queue(connection=redis, job_class=AttributedJob)
with attribution(team="search", experiment="v7", secret="s3"):
    ids = [queue.enqueue(paid_jobs.summarise, "A", meta={"own": 1}).id]
with attribution(team="ads"):
    ids.append(queue.enqueue(carry(paid_jobs.summarise), "A").id)
ids.append(queue.enqueue(paid_jobs.summarise, "A").id)
print(json.dumps(ids))
"""
RQ_READER = """
import json, os, sys
from redis import Redis
from bedrock_attrib.propagation.rq import AttributedJob
redis = Redis.from_url(os.environ["REDIS"])
ids = json.loads(os.environ["IDS"])
jobs = [AttributedJob.fetch(id, connection=redis) for id in ids]
print(json.dumps([[job.return_value(), job.meta] for job in jobs]))
"""


@pytest.mark.slow
@needs_rq
def test_rq(folder: Path, environment: dict[str, str], redis_url: str) -> None:
    """A worker that forks for each job, which tells its record before it ends."""
    environment["REDIS"] = redis_url
    ids = run(RQ_SENDER, folder, environment)
    job_class = ["--job-class", "bedrock_attrib.propagation.rq.AttributedJob"]
    worker = ["rq", "worker", "--burst", "--url", redis_url, *job_class]
    subprocess.run(worker, check=True, cwd=folder, env=environment, timeout=HANG_S)
    found = run(RQ_READER, folder, environment | {"IDS": json.dumps(ids)})
    assert found == [
        [
            SEARCH,
            {"own": 1, "bedrock_attrib_tags": {"team": "search", "experiment": "v7"}},
        ],
        [ADS, {"bedrock_attrib_tags": {"team": "ads"}}],
        [NOBODY, {"bedrock_attrib_tags": {}}],
    ]
    assert recorded(folder) == [SEARCH, ADS, NOBODY]
