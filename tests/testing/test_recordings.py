"""Recorded exchanges: read from files, and played again over sockets."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from bedrock_attrib import ConfigError
from bedrock_attrib.testing import Recording, Simulator, load_recordings, replay

ANSWER = {
    "metrics": {"latencyMs": 7},
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
}
ASKED = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


def recorded(**changes: object) -> dict[str, object]:
    """A recorded Converse call with *changes*."""
    return {
        "format": 1,
        "id": "0123456789abcdef",
        "service": "bedrock-runtime",
        "operation": "Converse",
        "model_id": "amazon.nova-lite-v1:0",
        "region": "us-east-1",
        "request": {
            "method": "POST",
            "path": "/model/amazon.nova-lite-v1%3A0/converse",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(ASKED),
        },
        "response": {
            "status": 200,
            "headers": {
                "Content-Type": "application/json",
                "Transfer-Encoding": "chunked",
                "x-amzn-RequestId": "recorded-1",
            },
            "body_base64": b64encode(json.dumps(ANSWER).encode()).decode(),
        },
        "expected": {"input_tokens": 5},
    } | changes


def written(folder: Path, *lines: object, name: str = "some.jsonl") -> Path:
    """Write *lines* as a file of recordings and return its folder."""
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / name).write_text(f"{text}\n\n", "utf-8")
    return folder


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    """Each line becomes a recording, and an empty one is skipped."""
    loaded = load_recordings(written(tmp_path, recorded(), recorded(id="b")))

    assert [one.id for one in loaded] == ["0123456789abcdef", "b"]
    assert loaded[0] == Recording(
        id="0123456789abcdef",
        operation="Converse",
        model_id="amazon.nova-lite-v1:0",
        region="us-east-1",
        request_headers={"Content-Type": "application/json"},
        request_body=json.dumps(ASKED),
        status=200,
        response_headers={
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
            "x-amzn-RequestId": "recorded-1",
        },
        response_body=json.dumps(ANSWER).encode(),
        expected={"input_tokens": 5},
    )


def test_a_recording_does_not_show_its_texts(tmp_path: Path) -> None:
    """What was asked and answered stays out of logs and error messages."""
    (loaded,) = load_recordings(written(tmp_path, recorded()))

    assert repr(loaded) == (
        "Recording(id='0123456789abcdef', operation='Converse', "
        "model_id='amazon.nova-lite-v1:0', region='us-east-1', status=200)"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no object", r"some\.jsonl, line 2: the line: Input should be"),
        (recorded(format=2), r"some\.jsonl, line 2: format: Input should be 1"),
        (recorded(operation="Chat"), r"line 2: operation: Input should be 'Converse'"),
        (recorded(id=""), "line 2: id: String should have at least 1 character"),
        (
            recorded(response={"status": 99, "headers": {}, "body_base64": ""}),
            "line 2: response.status: Input should be greater than or equal to 100",
        ),
        (
            recorded(response={"status": 200, "headers": {}, "body_base64": "!"}),
            "line 2: response.body_base64: ",
        ),
        (
            recorded(request={"headers": {}, "body": "{"}),
            "line 2: request.body: expected a JSON object",
        ),
        (
            recorded(request={"headers": {}, "body": "[]"}),
            "line 2: request.body: expected a JSON object",
        ),
        (recorded(), "line 2: id 0123456789abcdef occurs twice"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_number(
    tmp_path: Path, line: object, said: str
) -> None:
    """The message says where and what, and quotes no text of the recording."""
    with pytest.raises(ConfigError, match=said) as caught:
        load_recordings(written(tmp_path, recorded(), line))

    assert "Hello" not in str(caught.value)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    """Nothing to play is a mistake."""
    with pytest.raises(ConfigError, match="expected recorded exchanges"):
        load_recordings(tmp_path)


def test_the_package_does_not_wait_for_pydantic() -> None:
    """Only who reads files of recordings pays for the import."""
    code = "import sys, bedrock_attrib.testing; print('pydantic' in sys.modules)"

    done = run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout == "False\n"


def test_a_recorded_answer_takes_the_place_of_a_reply(
    tmp_path: Path, simulator: Simulator, client: BaseClient
) -> None:
    """A replayed call gets the recording; any other call gets a reply."""
    (loaded,) = load_recordings(written(tmp_path, recorded()))
    simulator.serve([loaded])
    answers: list[dict[str, object]] = []
    client.meta.events.register(
        "after-call.bedrock-runtime", lambda parsed, **_: answers.append(parsed)
    )

    replay(loaded, client)
    client.converse(modelId=loaded.model_id, **ASKED)

    assert [answer["usage"] for answer in answers] == [
        {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
        {"inputTokens": 12, "outputTokens": 8, "totalTokens": 20},
    ]
    assert answers[0]["ResponseMetadata"]["RequestId"] == "recorded-1"  # type: ignore[index]  # any JSON


def test_a_recording_that_is_not_served_is_not_found(
    tmp_path: Path, client: BaseClient
) -> None:
    """The error says what to do."""
    (loaded,) = load_recordings(written(tmp_path, recorded()))

    with pytest.raises(client.exceptions.ResourceNotFoundException, match="see serve"):
        replay(loaded, client)


PICTURE = b64encode(b"\x89PNG").decode()
FANCY = {
    "messages": [
        {
            "role": "user",
            "content": [
                {"image": {"format": "png", "source": {"bytes": PICTURE}}},
                {
                    "toolResult": {
                        "toolUseId": "t1",
                        "content": [{"json": {"bytes": "text"}}],
                    }
                },
            ],
        }
    ],
    "requestMetadata": {"team": "search"},
    "inferenceConfig": {"maxTokens": 10},
    "fieldOfTheFuture": {"a": 1},
}


def test_a_request_is_made_again_as_it_was(
    tmp_path: Path, simulator: Simulator, client: BaseClient
) -> None:
    """Blobs, documents, maps and lists arrive as recorded; unknown fields do not."""
    request = {"headers": {}, "body": json.dumps(FANCY)}
    (loaded,) = load_recordings(written(tmp_path, recorded(request=request)))
    simulator.serve([loaded])
    sent: list[bytes] = []
    client.meta.events.register(
        "before-send.bedrock-runtime", lambda request, **_: sent.append(request.body)
    )

    replay(loaded, client)

    expected = {name: value for name, value in FANCY.items() if "Future" not in name}
    assert expected == json.loads(sent[0])


def test_headers_that_the_model_knows_are_sent_again(
    tmp_path: Path, simulator: Simulator, client: BaseClient
) -> None:
    """InvokeModel's guardrail is a header; what only a transport needs is not sent."""
    headers = {
        "content-type": "application/json",
        "X-Amzn-Bedrock-GuardrailIdentifier": "gr1",
        "X-Amzn-Bedrock-GuardrailVersion": "1",
        "User-Agent": "recorded",
    }
    request = {"headers": headers, "body": '{"prompt": "Hello"}'}
    line = recorded(operation="InvokeModel", request=request)
    (loaded,) = load_recordings(written(tmp_path, line))
    simulator.serve([loaded])

    replay(loaded, client)

    seen = simulator.requests[0]
    assert seen.headers["x-amzn-bedrock-guardrailidentifier"] == "gr1"
    assert seen.headers["user-agent"] != "recorded"
    assert seen.body_bytes == len('{"prompt": "Hello"}')


class _Copied:
    """A stream of botocore's that keeps what is read from it."""

    def __init__(self, stream: object, copy: list[bytes]) -> None:
        self._stream = stream
        self._copy = copy

    def stream(self) -> Iterator[bytes]:
        """The pieces of the stream, copied as they pass."""
        for piece in self._stream.stream():  # type: ignore[attr-defined]  # urllib3's
            self._copy.append(piece)
            yield piece

    def read(self, amount: int | None = None) -> bytes:
        """The next bytes, copied."""
        piece = bytes(self._stream.read(amount))  # type: ignore[attr-defined]  # same
        self._copy.append(piece)
        return piece

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()  # type: ignore[attr-defined]  # urllib3's


def _copy_body(
    response_dict: dict[str, object], copy: list[bytes], **_: object
) -> None:
    body = response_dict["body"]
    if isinstance(body, bytes):
        copy.append(body)
    else:
        response_dict["body"] = _Copied(body, copy)


def test_all_given_recordings_arrive_byte_for_byte(
    shared: Path, simulator: Simulator, client: BaseClient
) -> None:
    """Real exchanges of two projects come through a real client unchanged."""
    recordings = load_recordings(shared / "recordings")
    simulator.serve(recordings)
    copy: list[bytes] = []
    client.meta.events.register(
        "before-parse.bedrock-runtime",
        lambda response_dict, **_: _copy_body(response_dict, copy),
    )
    refused = []
    for recording in recordings:
        copy.clear()
        try:
            replay(recording, client)
        except ClientError as error:
            refused.append((error.response["Error"]["Code"], recording.status))
        assert recording.response_body == b"".join(copy), recording

    assert len(recordings) == 97
    assert refused == [("ValidationException", 400)] * 4


def test_threads_that_share_a_client_get_their_own_recordings(
    shared: Path, simulator: Simulator, client: BaseClient
) -> None:
    """Which recording is meant belongs to the call, not to the client."""
    recordings = load_recordings(shared / "recordings")
    wanted = [one for one in recordings if one.status == 200]
    simulator.serve(wanted)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda recording: replay(recording, client), wanted))

    asked = [
        (seen.headers["x-bedrock-attrib-recording"], seen.operation, seen.model_id)
        for seen in simulator.requests
    ]
    assert sorted((one.id, one.operation, one.model_id) for one in wanted) == sorted(
        asked
    )
