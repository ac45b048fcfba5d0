"""The fixtures that an application's own tests use."""

from __future__ import annotations

import boto3
import pytest

from bedrock_attrib import CallRecord, attribution, instrument
from bedrock_attrib.testing import Reply, Simulator, tokens

pytest_plugins = ["pytester"]

NOVA = "amazon.nova-lite-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]


def test_an_application_finds_the_endpoint_by_itself(
    bedrock_endpoint: Simulator, attrib_records: list[CallRecord]
) -> None:
    """A plain boto3 client speaks to this machine, and its call is recorded."""
    usage = tokens(input_tokens=7, output_tokens=3)
    bedrock_endpoint.reply(Reply(usage=usage))
    client = instrument(boto3.client("bedrock-runtime"))

    with attribution(team="search"):
        client.converse(modelId=NOVA, messages=HELLO)
    client.close()

    (record,) = attrib_records
    assert record.usage == usage
    assert dict(record.tags) == {"team": "search"}
    assert record.region == "us-east-1"


def test_a_test_does_not_see_the_records_of_another(
    attrib_records: list[CallRecord],
) -> None:
    """Each test begins with no record, told to a sink of its own."""
    assert attrib_records == []


def test_the_machine_does_not_meddle(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A profile, a session token or an opt-out of the machine is put aside."""
    monkeypatch.setenv("AWS_PROFILE", "of-somebody")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    simulator: Simulator = request.getfixturevalue("bedrock_endpoint")

    session = boto3.Session()
    client = session.client("bedrock-runtime")
    client.converse(modelId=NOVA, messages=HELLO)
    client.close()

    assert len(simulator.requests) == 1


def test_a_client_of_the_whole_session_works_in_every_test(
    pytester: pytest.Pytester,
) -> None:
    """A client made at import keeps its port, and tests see their own requests only."""
    pytester.makeconftest(
        """
        from bedrock_attrib.testing import use_simulator

        use_simulator()
        pytest_plugins = ["bedrock_attrib.testing.fixtures"]
        """
    )
    pytester.makepyfile(
        app="""
        import boto3
        from bedrock_attrib import attribution, instrument

        bedrock = instrument(boto3.client("bedrock-runtime"))

        @attribution(team="search")
        def ask():
            return bedrock.converse(modelId="amazon.nova-lite-v1:0", messages=[])
        """,
        test_app="""
        import app
        import pytest
        from bedrock_attrib.testing import Reply, assert_spend, tokens

        @pytest.mark.parametrize("number", range(3))
        def test_ask(number, bedrock_endpoint, attrib_records):
            if number == 1:  # others get the default reply
                bedrock_endpoint.reply(Reply(text="Yes."))
            answer = app.ask()
            text = answer["output"]["message"]["content"][0]["text"]
            assert (text == "Yes.") == (number == 1)
            assert len(bedrock_endpoint.requests) == 1
            assert_spend(attrib_records, calls=1, team="search")

        def test_without_fixtures():
            app.ask()
        """,
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=4)


def test_the_default_recorder_is_told_only_for_the_test(
    pytester: pytest.Pytester,
) -> None:
    """After a test with records, another recorder is the default."""
    pytester.makeconftest('pytest_plugins = ["bedrock_attrib.testing.fixtures"]')
    pytester.makepyfile(
        """
        from bedrock_attrib import get_recorder

        sinks = []

        def test_with(attrib_records):
            sinks.extend(get_recorder().sinks)
            assert attrib_records is sinks[0].records

        def test_without():
            assert sinks[0] not in get_recorder().sinks
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2)
