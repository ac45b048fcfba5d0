"""Tags that travel with a job of a queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .._attribution import check_tags
from .._default_recorder import current_tags
from .._runtime.contained_errors import PROCESS_ERRORS
from ..errors import ConfigError

# Workers have an environment of their own, and apps their own names.
DEFAULT_KEYS = ("team", "experiment")


def tags_to_send(keys: Collection[str]) -> dict[str, str]:
    """Return the tags in force of *keys*."""
    tags = current_tags()
    return {key: tags[key] for key in keys if key in tags}


def received_tags(sent: object) -> dict[str, str | None]:
    """Return what was *sent* with a job, if it is tags.

    Whoever can write to the queue can send anything. What is not allowed as tags is
    left out, counted as a contained error, and never fails the job.
    """
    if not sent:
        return {}
    if not isinstance(sent, Mapping):
        PROCESS_ERRORS.note("job_tags", TypeError(f"{type(sent).__name__} as tags"))
        return {}
    try:
        return check_tags(sent)
    except ConfigError as error:
        PROCESS_ERRORS.note("job_tags", error)
        return {}
