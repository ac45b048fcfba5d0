"""Which async targets there are, how they are refused, and how they are given back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from waiting import HANG_S

pytest.importorskip("aiobotocore", reason="needs the extra aio")

from aio_clients import client_of, new_session
from cells import MESSAGES, MODEL

from bedrock_attrib import (
    CallStart,
    ConfigError,
    Recorder,
    TagPolicyError,
    instrument,
    uninstrument,
)
from bedrock_attrib.testing import ListSink, Simulator


async def call(client: Any) -> None:
    """One call."""
    await client.converse(modelId=MODEL, messages=MESSAGES)


def test_the_same_client_comes_back(simulator: Simulator, recorder: Recorder) -> None:
    """Instrumenting returns the object it was given, of the class it had."""

    async def main() -> None:
        session = new_session()
        assert instrument(session, recorder=recorder) is session
        async with client_of(simulator) as client:
            kind = type(client)
            assert instrument(client, recorder=recorder) is client
            assert type(client) is kind

    asyncio.run(main())


def test_taken_back(simulator: Simulator, recorder: Recorder, sink: ListSink) -> None:
    """A client, a session with its clients, or everything: nothing is recorded then."""

    async def main() -> None:
        session = instrument(new_session(), recorder=recorder)
        async with client_of(simulator) as one, client_of(simulator, session) as other:
            instrument(one, recorder=recorder)
            for _ in range(2):
                uninstrument(one)
                uninstrument(session)
            await call(one)
            await call(other)
            instrument(recorder=recorder)
            async with client_of(simulator) as third:
                uninstrument()
                for each in (one, other, third):
                    await call(each)
            assert sink.records == []
            instrument(one, recorder=recorder)
            await call(one)
            assert len(sink.records) == 1

    asyncio.run(main())


def test_another_recorder_is_refused(simulator: Simulator, recorder: Recorder) -> None:
    """One client and one session have one recorder."""

    async def main() -> None:
        session = instrument(new_session(), recorder=recorder)
        async with client_of(simulator, session) as client:
            for target in (client, session):
                with pytest.raises(ConfigError, match="another recorder"):
                    instrument(target, recorder=Recorder())

    asyncio.run(main())


def test_a_client_that_is_not_there_yet(simulator: Simulator) -> None:
    """What is still to be entered is refused with what to do."""

    async def main() -> None:
        pending = client_of(simulator)
        with pytest.raises(TypeError, match="within `async with`: instrument what"):
            instrument(pending)
        async with pending:
            """It can be entered all the same."""

    asyncio.run(main())


def test_another_service_is_refused(recorder: Recorder) -> None:
    """A client of another service is named in the error."""

    async def main() -> None:
        async with new_session().create_client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        ) as client:
            instrument(recorder=recorder)
            try:
                with pytest.raises(TypeError, match="client of s3"):
                    instrument(client)
            finally:
                uninstrument()

    asyncio.run(main())


def test_a_guard_refuses_before_sending(simulator: Simulator, sink: ListSink) -> None:
    """A refusal reaches the caller as itself, and nothing is sent."""

    class Refuser:
        def check(self, start: CallStart) -> None:
            raise TagPolicyError(f"{start.operation} may not")

    recorder = Recorder(sinks=(sink,), guards=(Refuser(),))
    seen = len(simulator.requests)

    async def main() -> None:
        async with client_of(simulator) as client:
            with pytest.raises(TagPolicyError, match="Converse may not"):
                await call(instrument(client, recorder=recorder))

    asyncio.run(main())
    assert len(simulator.requests) == seen
    assert [record.error for record in sink.records] == ["TagPolicyError"]


def test_a_handler_for_every_event_that_waits(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """An application's own async handler for all events leaves each call once."""

    async def waits(**_: object) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        session = new_session()
        session.get_component("event_emitter").register("*", waits)
        for _ in range(2):
            instrument(session, recorder=recorder)
        async with client_of(simulator, session) as client:
            instrument(client, recorder=recorder)
            await call(client)
            assert len(sink.records) == 1
            uninstrument(session)
            instrument(client, recorder=recorder)
            await call(client)
            assert len(sink.records) == 2

    asyncio.run(main())


def test_aiobotocore_is_imported_by_the_application_alone(simulator: Simulator) -> None:
    """The library works before aiobotocore is there, and does not bring it."""
    program = f"""
        import asyncio, sys
        from bedrock_attrib import Recorder, instrument
        from bedrock_attrib.testing import ListSink

        sink = ListSink()
        instrument(recorder=Recorder(sinks=[sink]))
        assert "aiobotocore" not in sys.modules

        from aiobotocore.session import get_session

        async def main():
            async with get_session().create_client(
                "bedrock-runtime",
                region_name="us-east-1",
                endpoint_url={simulator.endpoint_url!r},
                aws_access_key_id="x",
                aws_secret_access_key="x",
            ) as client:
                answer = await client.converse_stream(
                    modelId={MODEL!r}, messages={MESSAGES!r}
                )
                async for _ in answer["stream"]:
                    pass

        asyncio.run(main())
        (record,) = sink.records
        print(record.operation, record.outcome, record.price_status)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_S,
    )
    assert (done.stdout, done.stderr) == ("ConverseStream ok priced\n", "")
