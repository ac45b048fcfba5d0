"""Recognition of Bedrock calls among requests: by host or signature, and by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class MatchedCall(NamedTuple):
    """Operation, model and region of a request.

    Attributes:
        operation: Name as AWS spells it, or that of the interface.
        model_id: Model that the path names, as written; None if the body does.
        region: Calling region; None if neither address nor signature says it.
    """

    operation: str
    model_id: str | None
    region: str | None


# botocore 1.44.5, service model and endpoint rules of bedrock-runtime; Amazon Bedrock
# user guide, "Endpoints supported by Amazon Bedrock", checked 2026-11-25. A VPC
# endpoint's own name has more in front.
_HOST = re.compile(
    r"(?:.+\.)?bedrock-(?:runtime|mantle)(?:-fips)?\.([a-z0-9-]+)\."
    r"(?:amazonaws\.com(?:\.cn)?|api\.aws|vpce\.amazonaws\.com)",
)
# AWS Signature Version 4: Credential=<key>/<day>/<region>/<service>/aws4_request.
_SIGNED = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/bedrock[a-z-]*/aws4_request")

# The first that matches decides. A gateway may have a path of its own in front.
_PATHS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf".*?{path}"), operation)
    for path, operation in (
        (r"/model/(.+)/converse", "Converse"),
        (r"/model/(.+)/converse-stream", "ConverseStream"),
        (r"/model/(.+)/invoke", "InvokeModel"),
        (
            r"/model/(.+)/invoke-with-response-stream",
            "InvokeModelWithResponseStream",
        ),
        (r"/model/(.+)/count-tokens", "CountTokens"),
        (r"/guardrail/[^/]+/version/[^/]+/apply", "ApplyGuardrail"),
        (r"/guardrail-checks/invoke", "InvokeGuardrailChecks"),
        (r"/async-invoke", "StartAsyncInvoke"),
        (r"/v1/chat/completions", "ChatCompletions"),
        (r"/v1/responses", "Responses"),
        (r"/v1/messages", "Messages"),
    )
)

MODEL_IN_BODY = {
    "ChatCompletions": "model",
    "Responses": "model",
    "Messages": "model",
    "StartAsyncInvoke": "modelId",
}
"""Operations whose model is named in the request's body, and the member that does."""


class CallMatcher:
    """Recognizes calls of Bedrock among the requests of a client.

    Attributes:
        region: Calling region where a request does not say it.
    """

    def __init__(self, endpoint_url: str | None, region: str | None) -> None:
        """Recognize Bedrock's own hosts, and *endpoint_url* too."""
        self.region = region
        self._endpoint = (
            None if endpoint_url is None else _origin_and_path(endpoint_url)
        )

    def find(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> MatchedCall | None:
        """Return what a request asks of Bedrock; None if it is for another service.

        Args:
            method: HTTP method.
            url: The whole URL, quoted as it is sent.
            headers: Headers of the request, by name in any case.
        """
        if method != "POST":
            return None  # Bedrock bills nothing that is only looked at
        parts = urlsplit(url)
        asked = _asked(parts.path)
        if asked is None:
            return None
        host = _HOST.fullmatch(parts.hostname or "")
        signed = _SIGNED.search(headers.get("authorization") or "")
        if host is None and signed is None and not self._is_ours(url):
            return None
        said = host or signed
        region = self.region if said is None else said[1]
        return MatchedCall(*asked, region)

    def _is_ours(self, url: str) -> bool:
        if self._endpoint is None:
            return False
        origin, path = _origin_and_path(url)
        own_origin, own_path = self._endpoint
        return origin == own_origin and f"{path}/".startswith(f"{own_path}/")


def guardrail_in(url: str) -> dict[str, str]:
    """Return the guardrail that a URL asks to apply, by its names in boto3."""
    found = _APPLIED.fullmatch(urlsplit(url).path)
    return (
        {} if found is None else {k: unquote(v) for k, v in found.groupdict().items()}
    )


_APPLIED = re.compile(
    r".*?/guardrail/(?P<guardrailIdentifier>[^/]+)"
    r"/version/(?P<guardrailVersion>[^/]+)/apply"
)


def _asked(path: str) -> tuple[str, str | None] | None:
    """Return operation and model that *path* names; None for any other path."""
    for pattern, operation in _PATHS:
        found = pattern.fullmatch(path)
        if found is not None:
            return operation, unquote(found[1]) if pattern.groups else None
    return None


def _origin_and_path(url: str) -> tuple[tuple[str, str | None, int | None], str]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port), parts.path.rstrip("/")
