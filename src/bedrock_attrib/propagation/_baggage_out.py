"""Outgoing W3C baggage: tags sent to other services, by allow-list."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from urllib.parse import unquote_plus

from opentelemetry.baggage import remove_baggage, set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import CarrierT, Setter, default_setter

from .._attribution import current_attribution
from .._default_recorder import get_recorder
from .._recording.recorder import lifecycle_of
from .._runtime.contained_errors import PROCESS_ERRORS
from ..errors import ConfigError

# W3C Baggage, "Limits", and opentelemetry-api 1.45.2, checked 2026-11-25: anything
# beyond may be dropped on the way, or the whole header refused.
_MAX_BYTES = 8192
_MAX_MEMBERS = 180

_HEADER = "baggage"


def inject(headers: MutableMapping[str, str]) -> None:
    """Add tags to the headers of a request to another service, as W3C baggage.

    Adds the tags in force that the setting ``baggage_out`` lists; without that
    setting, none. Other baggage in the headers is left as it is. Never raises.

    Args:
        headers: Headers of the request, changed in place.

    Example:
        >>> headers = {"accept": "*/*"}
        >>> inject(headers)  # nothing is listed
        >>> headers
        {'accept': '*/*'}
    """
    tags = _OutgoingTags()
    if not tags.values:
        return
    name = next((name for name in headers if name.lower() == _HEADER), _HEADER)
    others = [
        member
        for member in headers.get(name, "").split(",")
        if member and _key(member) not in tags.values
    ]
    headers[name] = tags.header_after(others)


class BaggagePropagator(W3CBaggagePropagator):
    """OpenTelemetry's baggage propagator, with tags added.

    Replaces ``baggage`` among the propagators; every request of an instrumented HTTP
    client then carries what `inject` would add. Its name in the environment is
    ``bedrock_attrib``: ``OTEL_PROPAGATORS=tracecontext,bedrock_attrib``.

    Incoming baggage is read into OpenTelemetry's context as before; the setting
    ``baggage_in`` makes tags of it.
    """

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Add baggage, and the tags that ``baggage_out`` lists, to *carrier*."""
        tags = _OutgoingTags()
        if not tags.values:
            super().inject(carrier, context, setter)
            return
        others = get_current() if context is None else context
        for key in tags.values:
            others = remove_baggage(key, others)
        written: dict[str, str] = {}
        super().inject(written, others)
        before = written.get(_HEADER)
        setter.set(carrier, _HEADER, tags.header_after([before] if before else []))


class _OutgoingTags:
    """Tags in force that may be sent to another service.

    Attributes:
        values: Value by key; empty if nothing is to be sent, or on a fault.
    """

    __slots__ = ("_faults", "values")

    def __init__(self) -> None:
        self._faults = PROCESS_ERRORS
        self.values: dict[str, str] = {}
        try:
            recorder = get_recorder()
            self._faults = recorder.faults
            merged = lifecycle_of(recorder).tags
            if merged.baggage_out:
                tags = merged.of(current_attribution())
                self.values = {k: tags[k] for k in merged.baggage_out if k in tags}
        except Exception as fault:
            self._faults.note("baggage_out", fault)

    def header_after(self, others: Sequence[str]) -> str:
        """Return a header with *others* and the tags, as far as they fit.

        Args:
            others: Members, or whole headers, of other baggage.
        """
        header = ",".join(others)
        for key, value in self.values.items():
            member = _encoded(key, value)
            longer = f"{header},{member}" if header else member
            if not member or not _fits(longer):
                self._faults.note("baggage_out", _TOO_LONG)
                break
            header = longer
        return header


def _encoded(key: str, value: str) -> str:
    """Return one member as OpenTelemetry writes it; empty if it is too long."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_baggage(key, value, Context()))
    # OpenTelemetry writes a space as `+`, which other languages read as a plus sign;
    # a plus sign itself is written as %2B.
    return carrier.get(_HEADER, "").replace("+", "%20")


def _fits(header: str) -> bool:
    return len(header) <= _MAX_BYTES and header.count(",") < _MAX_MEMBERS


def _key(member: str) -> str:
    return unquote_plus(member.partition("=")[0]).strip()


_W3C = W3CBaggagePropagator()
_TOO_LONG = ConfigError("more baggage than may be sent")
