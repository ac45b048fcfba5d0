"""How tags leave for another service: as W3C baggage, by allow-list."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from urllib.parse import quote, unquote_plus

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import CarrierT, Setter, default_setter

from .._attribution import current_attribution
from .._default_recorder import get_recorder
from .._runtime.contained_errors import Faults
from ..errors import ConfigError

# W3C Baggage, "Limits", and opentelemetry-api 1.45.2, checked 2026-11-25: what is more
# may be dropped on the way, or refused as a whole.
_MOST_BYTES = 8192
_MOST_MEMBERS = 180

_HEADER = "baggage"


def inject(headers: MutableMapping[str, str]) -> None:
    """Add tags to the headers of a request to another service, as W3C baggage.

    Those tags that are in force now and that the setting ``baggage_out`` lists; without
    that setting, none. Other baggage of the headers stays. Never raises.

    Args:
        headers: Headers of the request, to be changed.

    Example:
        >>> headers = {"accept": "*/*"}
        >>> inject(headers)  # nothing is listed
        >>> headers
        {'accept': '*/*'}
    """
    name = next((name for name in headers if name.lower() == _HEADER), _HEADER)
    before = headers.get(name, "")
    header = _extended(before)
    if header != before:
        headers[name] = header


class BaggagePropagator(W3CBaggagePropagator):
    """OpenTelemetry's propagator of baggage, which sends tags along.

    Takes the place of ``baggage`` among the propagators, and then every request of an
    instrumented HTTP client carries what `inject` would add. In the environment it is
    called ``bedrock_attrib``: ``OTEL_PROPAGATORS=tracecontext,bedrock_attrib``.

    What comes in is read as ever, into OpenTelemetry's context, and is made into tags
    by the setting ``baggage_in``.
    """

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Add baggage, and the tags that ``baggage_out`` lists, to *carrier*."""
        own: dict[str, str] = {}
        super().inject(own, context)
        header = _extended(own.get(_HEADER, ""))
        if header:
            setter.set(carrier, _HEADER, header)


def _extended(header: str) -> str:
    """*header* with the tags that may be sent; as it is where anything goes wrong."""
    faults = _no_recorder
    try:
        recorder = get_recorder()
        faults = recorder.faults
        keys = recorder.baggage_out
        if not keys:
            return header
        tags = recorder.tags_of(current_attribution())
        return _with_tags(header, {k: tags[k] for k in keys if k in tags}, faults)
    except Exception as fault:
        faults.note("baggage_out", fault)
        return header


def _with_tags(header: str, tags: Mapping[str, str], faults: Faults) -> str:
    """*header* with *tags* in place of what it said of them, as far as they fit."""
    members = [
        member for member in header.split(",") if member and _key(member) not in tags
    ]
    length = sum(len(member) + 1 for member in members)
    for key, value in tags.items():
        # Not as OpenTelemetry does: a space as `+` is a plus to other languages.
        member = f"{quote(key, safe='')}={quote(value, safe='')}"
        length += len(member) + 1
        if length - 1 > _MOST_BYTES or len(members) >= _MOST_MEMBERS:
            faults.note("baggage_out", _TOO_LONG)
            break
        members.append(member)
    return ",".join(members)


def _key(member: str) -> str:
    return unquote_plus(member.partition("=")[0]).strip()


_TOO_LONG = ConfigError("more baggage than may be sent")

# For requests without a recorder, as the default one could not be made.
_no_recorder = Faults()
