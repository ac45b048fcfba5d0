"""HTTP status and response of AWS errors."""

from __future__ import annotations

from ._reply import Reply
from ._wire import JsonObject, WireAnswer, as_json

# botocore 1.44.5, service models bedrock-runtime 2023-09-30 and bedrock 2023-04-20;
# the last four are errors of every AWS service.
_STATUS_BY_CODE = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "TooManyTagsException": 400,
    "ValidationException": 400,
    "ExpiredTokenException": 403,
    "UnrecognizedClientException": 403,
    "InvalidSignatureException": 403,
    "UnknownOperationException": 404,
}
_OTHER_ERROR = 400
# Bedrock appends a namespace to the code; real responses of 2025-02.
_NAMESPACE = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def error_answer(
    code: str,
    message: str,
    *,
    status: int | None = None,
    extra: JsonObject | None = None,
) -> WireAnswer:
    """Return the response that makes a client raise *code*.

    Args:
        code: AWS error code, such as ``ThrottlingException``.
        message: Its text.
        status: HTTP status; None for the one in AWS's model.
        extra: Further fields of the error, such as ``originalStatusCode``.
    """
    body = as_json({"message": message} | (extra or {}))
    return WireAnswer(
        status=_STATUS_BY_CODE.get(code, _OTHER_ERROR) if status is None else status,
        headers={
            "Content-Type": "application/json",
            "x-amzn-ErrorType": f"{code}:{_NAMESPACE}",
        },
        pieces=(body,),
        declared_bytes=len(body),
    )


def error_reply_answer(reply: Reply, code: str) -> WireAnswer:
    """Return the response of a *reply* that sets the error *code*."""
    return error_answer(
        code, reply.error_message, status=reply.status, extra=dict(reply.extra)
    )
