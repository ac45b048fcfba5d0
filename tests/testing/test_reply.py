"""What a reply takes, and what it refuses."""

from __future__ import annotations

import pytest

from bedrock_attrib import ConfigError, Unit, Usage
from bedrock_attrib.testing import Fault, FaultKind, Reply, ToolUse, tokens


def test_tokens_names_units_and_leaves_out_what_is_not_said() -> None:
    """A count that is left out is absent, and a zero stays a zero."""
    expected = Usage({Unit.INPUT_TOKEN: 0, Unit.CACHE_WRITE_30M_TOKEN: 7})

    assert expected == tokens(input_tokens=0, cache_write_30m_tokens=7)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (1, ("abcdefg",)),
        (3, ("ab", "cd", "efg")),
        (9, ("a", "b", "c", "d", "e", "f", "g")),
    ],
)
def test_text_is_cut_into_chunks_of_about_one_length(
    chunks: int, expected: tuple[str, ...]
) -> None:
    """No chunk is empty, and together they are the text."""
    assert expected == Reply(text="abcdefg", chunks=chunks).text_chunks


def test_an_empty_text_is_one_empty_chunk() -> None:
    """A stream says something even if the model said nothing."""
    assert Reply(text="").text_chunks == ("",)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(), "end_turn"),
        (Reply(tool_uses=(ToolUse("clock"),)), "tool_use"),
        (Reply(guardrail_intervened=True), "guardrail_intervened"),
        (Reply(stop_reason="max_tokens", tool_uses=(ToolUse("clock"),)), "max_tokens"),
    ],
)
def test_the_stop_reason_follows_from_the_answer(reply: Reply, expected: str) -> None:
    """What is said counts first, then the guardrail, then the tools."""
    assert expected == reply.final_reason


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"chunks": 0}, "chunks is 0; expected 1 or more"),
        ({"latency_s": -1.0}, "latency_s is -1.0"),
        ({"chunk_interval_s": -0.5}, "chunk_interval_s -0.5; expected 0 or more"),
        ({"extra": {"a": b""}}, "a reply must be JSON: Object of type bytes"),
        ({"fault": Fault(FaultKind.CUT, after=-1)}, "after is -1; expected 0 or more"),
    ],
)
def test_a_reply_that_could_not_be_sent_is_refused(
    settings: dict[str, object], said: str
) -> None:
    """The mistake shows where the reply is made, not in the server."""
    with pytest.raises(ConfigError, match=said):
        Reply(**settings)  # type: ignore[arg-type]  # wrong on purpose
