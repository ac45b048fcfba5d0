"""Readers of usage: one table of operations, and how to read the answers of each."""

from __future__ import annotations

from .asked import Asked, asked_for, compare_asked
from .failures import (
    ANSWERED_LOCALLY,
    is_rejected,
    status_of_refusal,
    status_without_answer,
    with_earlier_attempts,
)
from .gate import MOST_COUNTED, gate_names, is_count, number_in, plain_name
from .json_scan import outer_value, whole_object
from .operations import OPERATIONS, Operation, operation_named
from .raw_http import (
    BodyAnswer,
    events_of,
    has_guardrail_in,
    read_document_of,
    read_headers,
    read_http_body,
)
from .requests import RequestFacts, RequestReader, merge_request, request_reader
from .responses import ConverseCounts, Kept, needs_body
from .statements import SYSTEM_TOOL, count_groundings
from .streams import Events, is_final, is_whole, read_unfinished, starts_search
from .usage_formats import is_told_by_headers

__all__ = [
    "ANSWERED_LOCALLY",
    "MOST_COUNTED",
    "OPERATIONS",
    "SYSTEM_TOOL",
    "Asked",
    "BodyAnswer",
    "ConverseCounts",
    "Events",
    "Kept",
    "Operation",
    "RequestFacts",
    "RequestReader",
    "asked_for",
    "compare_asked",
    "count_groundings",
    "events_of",
    "gate_names",
    "has_guardrail_in",
    "is_count",
    "is_final",
    "is_rejected",
    "is_told_by_headers",
    "is_whole",
    "merge_request",
    "needs_body",
    "number_in",
    "operation_named",
    "outer_value",
    "plain_name",
    "read_document_of",
    "read_headers",
    "read_http_body",
    "read_unfinished",
    "request_reader",
    "starts_search",
    "status_of_refusal",
    "status_without_answer",
    "whole_object",
    "with_earlier_attempts",
]
