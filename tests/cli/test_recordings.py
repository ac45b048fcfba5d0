"""Recorded exchanges are billed by model, over sockets, to the last digit."""

from __future__ import annotations

import json
import os
import re
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bedrock_attrib.testing import Reply, Simulator, bedrock_simulator, tokens

pytest.importorskip("click", reason="needs the extra cli")

Run = Callable[..., CompletedProcess[str]]
Running = Callable[..., AbstractContextManager[Popen[str]]]
InTerminal = Callable[..., AbstractContextManager[Any]]

HAIKU = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "amazon.nova-lite-v1:0"
OPAQUE = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abc123"
PATHS = {
    "Converse": "converse",
    "ConverseStream": "converse-stream",
    "InvokeModel": "invoke",
    "InvokeModelWithResponseStream": "invoke-with-response-stream",
}
PROMPT, ANSWER = "a secret prompt", "a secret answer"
MESSAGES = json.dumps({"messages": [{"role": "user", "content": [{"text": PROMPT}]}]})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Answers what is then recorded."""
    with bedrock_simulator() as simulator:
        yield simulator


def record(
    simulator: Simulator,
    number: int,
    operation: str,
    model_id: str,
    reply: Reply,
    region: str | None = "us-east-1",
) -> dict[str, object]:
    """Call *operation* over HTTP and note the exchange as a line of a recording."""
    simulator.reply(reply)
    path = f"/model/{model_id.replace('/', '%2F')}/{PATHS[operation]}"
    request = Request(simulator.endpoint_url + path, MESSAGES.encode())
    try:
        answer = urlopen(request)
    except HTTPError as error:
        answer = error
    with answer:
        body = answer.read()
    return {
        "format": 1,
        "id": f"{number:016x}",
        "operation": operation,
        "model_id": model_id,
        "region": region,
        "request": {"headers": {}, "body": MESSAGES},
        "response": {
            "status": answer.status,
            "headers": dict(answer.headers),
            "body_base64": b64encode(body).decode(),
        },
    }


def write(folder: Path, lines: list[dict[str, object]]) -> str:
    """Write *lines* as a file of recordings into *folder*."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "made-up.jsonl").write_text(text, "utf-8")
    return str(folder)


@pytest.fixture
def folder(simulator: Simulator, tmp_path: Path) -> str:
    """Six recorded exchanges of three models, one of them failed."""
    chat = Reply(
        text=ANSWER,
        usage=tokens(
            input_tokens=1000,
            output_tokens=200,
            cache_read_tokens=4000,
            cache_write_5m_tokens=800,
        ),
    )
    short = Reply(text=ANSWER, usage=tokens(input_tokens=10_000, output_tokens=500))
    refused = Reply(error="ValidationException", error_message=ANSWER)
    exchanges = [
        ("InvokeModel", HAIKU, chat, "us-east-1"),  # old botocores know no lifetimes
        ("InvokeModelWithResponseStream", HAIKU, chat, "eu-west-1"),
        ("ConverseStream", NOVA, short, "us-east-1"),
        ("InvokeModel", NOVA, short, None),
        ("Converse", NOVA, refused, "us-east-1"),
        ("Converse", OPAQUE, short, "us-east-1"),
    ]
    lines = [
        record(simulator, number, operation, model_id, reply, region)
        for number, (operation, model_id, reply, region) in enumerate(exchanges)
    ]
    return write(tmp_path, lines)


def rows_of(text: str) -> list[str]:
    """Lines of the bill by model, with single spaces."""
    table = text.partition("Recorded exchanges, by model")[2]
    return [" ".join(line.split()) for line in table.splitlines()]


def test_the_bill_by_model(run: Run, folder: str) -> None:
    """Calls, failures, missing prices, tokens and cost of each model, and totals."""
    done = run("demo", "--recordings", folder)
    rows = rows_of(done.stdout)
    assert done.returncode == 0
    assert rows[4:7] == [
        "claude-haiku-4-5 2 0 0 11,600 400 $0.00680 82.5% $0.0034 $0.000567",
        "nova-lite 3 1 0 20,000 1,000 $0.00144 17.5% $0.00072 $0.0000686",
        "…/abc123 1 0 1 10,000 500 unpriced",
    ]
    assert rows[8].startswith("total 6 1 1 41,600 1,900 $0.00824 100.0% ")


def test_the_bill_explains_itself(run: Run, folder: str) -> None:
    """Exact sums, exchanges and time, assumed regions and missing prices are shown."""
    text = " ".join(run("demo", "--recordings", folder).stdout.split())
    assert f"1 call to {OPAQUE} in us-east-1 (unpriced) reason: " in text
    assert "The rows of each table add up to $0.00824, exactly." in text
    assert re.search(r"6 of 6 exchanges in \d+\.\d s, by boto3 over sockets\.", text)
    assert (
        "1 of them do not state their region and are priced as called from us-east-1."
        in text
    )
    assert "Costs are estimates from AWS's public list prices" in text


def test_the_bill_as_json(run: Run, folder: str) -> None:
    """Amounts are exact, and come with the counts and prices they follow from."""
    done = run("demo", "--recordings", folder, "--json")
    found = json.loads(done.stdout)
    costs = {
        row["keys"]["model"]: Decimal(row["cost"].get("USD", 0))
        for row in found["by_model"]["rows"]
    }
    assert costs == {
        NOVA: Decimal("0.00144"),
        "anthropic.claude-haiku-4-5-20251001-v1:0": Decimal("0.00680"),
        OPAQUE: Decimal(0),
    }
    assert Decimal(found["total"]) == Decimal("0.00824")
    assert Decimal(found["charges"]["total"]["USD"]) == Decimal("0.00824")
    assert (found["exchanges"], found["calls"]) == (6, 6)
    assert [row["model"] for row in found["unpriced"]["rows"]] == [OPAQUE]


def test_no_text_of_an_exchange_is_shown(run: Run, folder: str) -> None:
    """Neither the recorded prompts nor the recorded answers reach the output."""
    done = run("demo", "--recordings", folder)
    shown = (
        done.stdout + done.stderr + run("demo", "--recordings", folder, "--json").stdout
    )
    assert PROMPT not in shown
    assert ANSWER not in shown


def test_without_doubt_nothing_is_listed(
    run: Run, simulator: Simulator, tmp_path: Path
) -> None:
    """Where every call is priced, the report says so."""
    reply = Reply(usage=tokens(input_tokens=10, output_tokens=5))
    path = write(tmp_path, [record(simulator, 1, "Converse", NOVA, reply)])
    shown = run("demo", "--recordings", path).stdout
    assert "\n  none of 1 call\n" in shown
    assert "their region" not in shown


@pytest.mark.parametrize("name", ["not-there", ""])
def test_a_folder_without_recordings_is_told(
    run: Run, tmp_path: Path, name: str
) -> None:
    """A wrong folder ends with a message and exit code 2."""
    done = run("demo", "--recordings", str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: no *.jsonl file in {tmp_path / name}; expected recorded exchanges\n"
    )


def test_a_bad_line_is_named(run: Run, folder: str) -> None:
    """The message names file and line, and quotes nothing of it."""
    path = Path(folder) / "made-up.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"format": 1, "note": PROMPT}) + "\n")
    done = run("demo", "--recordings", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {path}, line 7: ")
    assert PROMPT not in done.stderr


def test_ctrl_c_bills_what_was_played(
    in_terminal: InTerminal, simulator: Simulator, tmp_path: Path
) -> None:
    """Ctrl-C ends with code 130 and the bill so far."""
    reply = Reply(usage=tokens(input_tokens=10, output_tokens=5))
    line = record(simulator, 0, "Converse", NOVA, reply)
    path = write(tmp_path, [line | {"id": str(number)} for number in range(5000)])
    with in_terminal("demo", "--recordings", path, columns=100) as terminal:
        terminal.read_until("Exchanges")
        terminal.interrupt()
        code = terminal.read_to_end()
    played = re.search(r"(\d+) of 5000 exchanges", terminal.text)
    assert code == 130
    assert played is not None
    assert int(played[1]) < 5000
    assert "Traceback" not in terminal.text


def test_ctrl_c_before_the_first_exchange_is_quiet(
    running: Running, tmp_path: Path
) -> None:
    """With nothing to report Ctrl-C just ends the command, with code 130."""
    pipe = tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    # Opening the pipe waits until the command reads from its other end.
    with running("demo", "--recordings", str(tmp_path)) as process, pipe.open("w"):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "")


def test_given_recordings_are_billed_whole(run: Run, shared: Path) -> None:
    """Each of the given exchanges is played, and the bill adds up."""
    folder = shared / "recordings"
    given = sum(path.read_text("utf-8").count("\n") for path in folder.glob("*.jsonl"))
    found = json.loads(run("demo", "--recordings", str(folder), "--json").stdout)
    rows = found["by_model"]["rows"]
    assert found["calls"] == found["exchanges"] == given
    assert Decimal(found["total"]) == Decimal("0.052597895")
    assert sum(Decimal(row["cost"].get("USD", 0)) for row in rows) == Decimal(
        found["total"]
    )
    assert sum(row["failed_calls"] for row in rows) == 4
