"""Tags in the meta data of RQ's jobs. The only module that needs RQ."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Self

from .._attribution import attribution
from ..errors import MissingExtraError
from ..serverless import flush
from ._job_tags import DEFAULT_KEYS, received_tags, tags_to_send

try:
    from rq.job import Job
except ModuleNotFoundError as error:
    raise MissingExtraError("rq", "rq") from error

__all__ = ["AttributedJob"]

_META = "bedrock_attrib_tags"
_FLUSH_S = 5.0


class AttributedJob(Job):
    """A job that runs with tags of its sender.

    Name it as job class of queues and workers: ``Queue(job_class=AttributedJob)`` and
    ``rq worker --job-class bedrock_attrib.propagation.rq.AttributedJob``.

    Attributes:
        attribution_keys: Tags that a job takes along; derive a class to change them.
            They reach Redis: list only what it may see.
    """

    attribution_keys: ClassVar[Collection[str]] = DEFAULT_KEYS

    @classmethod
    def create(
        cls, *args: Any, meta: dict[str, Any] | None = None, **kwargs: Any
    ) -> Self:
        """Create a job with the tags in force, as `rq.job.Job.create`."""
        sent = {**(meta or {}), _META: tags_to_send(cls.attribution_keys)}
        job: Self = super().create(*args, meta=sent, **kwargs)
        return job

    def perform(self) -> Any:
        """Run the job, and flush: its process ends without exit handlers."""
        try:
            with attribution(**received_tags(self.meta.get(_META))):
                return super().perform()
        finally:
            flush(_FLUSH_S)
