"""Tags that come with a job: what is not allowed is left out."""

from __future__ import annotations

import pytest

from bedrock_attrib import attribution
from bedrock_attrib._runtime.contained_errors import PROCESS_ERRORS
from bedrock_attrib.propagation._job_tags import received_tags, tags_to_send


def test_listed_tags_travel() -> None:
    """A job takes along the listed tags that are in force."""
    with attribution(team="search", secret="s3"):
        sent = tags_to_send(("team", "experiment"))
    assert sent == {"team": "search"}
    assert received_tags(sent) == {"team": "search"}


@pytest.mark.parametrize(
    "sent", ["text", ["team"], {"team": "<b>"}, {"team": 3}, {3: "team"}]
)
def test_what_is_not_tags_never_fails_a_job(sent: object) -> None:
    """Whoever can write to the queue can send anything; it is counted."""
    assert received_tags(sent) == {}
    assert PROCESS_ERRORS.counts() == {"job_tags": 1}


@pytest.mark.parametrize("sent", [None, {}])
def test_a_job_of_another_sender_has_no_tags(sent: object) -> None:
    """A sender without the helper sends nothing, which is no fault."""
    assert received_tags(sent) == {}
    assert PROCESS_ERRORS.counts() == {}
