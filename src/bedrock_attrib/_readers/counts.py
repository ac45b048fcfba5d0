"""Token counts in one spelling, read into disjoint counts by unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model.model_id import ModelRef
from .._model.record import PriceReason, UsageReading
from .._model.usage import Unit
from .gate import MOST_COUNTED, is_count, plain_name
from .passes import PASSES, Passes, read_passes
from .usage_formats import Fields, UsageFormat, anthropic_lifetimes
from .usage_members import Members, uncounted_members

LIFETIME_UNITS = {
    "5m": Unit.CACHE_WRITE_5M_TOKEN,
    "30m": Unit.CACHE_WRITE_30M_TOKEN,
    "1h": Unit.CACHE_WRITE_1H_TOKEN,
}
# Vendors whose models sell one thirty-minute cache write; all others start at five
# minutes. AWS price list of 2026-10-08, checked 2026-11-23.
_UNSTATED_LIFETIME = {
    "openai": Unit.CACHE_WRITE_30M_TOKEN,
    "moonshotai": Unit.CACHE_WRITE_30M_TOKEN,
    "zai": Unit.CACHE_WRITE_30M_TOKEN,
}


def read_fields(
    usage_format: UsageFormat, fields: Fields, model: ModelRef
) -> UsageReading | None:
    """Counts of *fields*, spelled as *usage_format*; None if neither side is there.

    Cached tokens are taken out of an inclusive input. A negative rest, or counts by
    lifetime that pass their own total, are not believed; the note says so.

    Args:
        usage_format: The spelling.
        fields: Object that may hold the counts, as whole numbers.
        model: The model that answered: its vendor decides the lifetime of cache
            writes that is not stated.
    """
    passes = read_passes(fields, model) if fields.get(PASSES) else None
    counted = fields if passes is None else passes.fields
    if usage_format.flatten is not None:
        counted = usage_format.flatten(counted)
    get = counted.get
    prompt, output = get(usage_format.input), get(usage_format.output)
    cached, written = get(usage_format.cache_read), get(usage_format.cache_write)
    if prompt is None and output is None:
        return None
    if written is None or usage_format.lifetimes is None:
        lifetimes = None
    else:
        lifetimes = usage_format.lifetimes(counted)
    reading = read_numbers(
        usage_format, prompt, output, cached, written, lifetimes, model.vendor
    )
    if usage_format.total and reading.counts is not None:
        _compare_total(usage_format, counted, reading)
    if usage_format.members is not None:
        _add_others(reading, fields, usage_format.members)
    if passes is not None:
        _add_doubts(reading, passes)
    return reading


# Members of a usage object that are counted under units other than tokens.
_OTHER_UNITS = {
    ("server_tool_use", "web_search_requests"): Unit.WEB_SEARCH_QUERY,
    ("search_units",): Unit.SEARCH_UNIT,
    ("images",): Unit.INPUT_IMAGE,
}


def _add_others(reading: UsageReading, fields: Fields, members: Members) -> None:
    """Add to *reading* what *fields* state besides tokens."""
    reading.uncounted = uncounted_members(fields, members)
    for path, unit in _OTHER_UNITS.items():
        if path[0] in fields and ".".join(path) in members:
            count: Any = fields
            for name in path:
                count = count.get(name) if isinstance(count, Mapping) else None
            if is_count(count) and count and reading.counts is not None:
                reading.counts[unit] = count


def _compare_total(
    usage_format: UsageFormat, fields: Fields, reading: UsageReading
) -> None:
    """Compare the total that *fields* state with its parts; mark a difference.

    Where reasoning is what the parts lack, the output leaves it out, as that of xAI
    does (its API reference, "Reasoning", checked 2026-12-01), and it is added.
    """
    total = fields.get(usage_format.total)
    counts = reading.counts
    if counts is None or total is None:
        return
    parts = fields.get(usage_format.input) or 0
    parts += fields.get(usage_format.output) or 0
    cached = 0
    if not usage_format.includes_cache:
        cached += fields.get(usage_format.cache_read) or 0
        cached += fields.get(usage_format.cache_write) or 0
    if total in (parts, parts + cached):
        return
    reasoning = fields.get(usage_format.reasoning)
    if is_count(reasoning) and total == parts + reasoning:
        counts[_OUTPUT] = counts.get(_OUTPUT, 0) + reasoning
        return
    stated = plain_name(total) or "not a count"
    doubt(
        reading,
        f"{usage_format.source}: the stated total is {stated}, and its parts add up "
        f"to {parts + cached}",
    )


def _add_doubts(reading: UsageReading, passes: Passes) -> None:
    """Mark in *reading* what is not certain of a usage in several passes."""
    if passes.note:
        doubt(reading, passes.note)
    if passes.uncounted:
        named = filter(None, (passes.uncounted, reading.uncounted))
        reading.uncounted = ", ".join(named)


def read_numbers(
    usage_format: UsageFormat,
    prompt: Any,
    output: Any,
    cached: Any,
    written: Any,
    lifetimes: Mapping[str, Any] | None,
    vendor: str | None,
) -> UsageReading:
    """Counts of fields that have been looked up, as `read_fields` says.

    Args:
        usage_format: The spelling.
        prompt: What is stated for the input; None for nothing, as in all of these.
        output: What is stated for the output.
        cached: What is stated for tokens read from the cache.
        written: What is stated for tokens written to the cache.
        lifetimes: Cache writes by lifetime, where stated.
        vendor: Vendor of the model.
    """
    if not (
        (prompt is None or (type(prompt) is int and 0 <= prompt <= _MOST))
        and (output is None or (type(output) is int and 0 <= output <= _MOST))
        and (cached is None or (type(cached) is int and 0 <= cached <= _MOST))
        and (written is None or (type(written) is int and 0 <= written <= _MOST))
    ):
        numbers = (prompt, output, cached, written)
        return _read_odd_numbers(usage_format, numbers, lifetimes, vendor)
    counts: dict[Unit, int] = {}
    reading = UsageReading(counts, usage_format.source)
    if prompt is not None:
        if usage_format.includes_cache:
            total = prompt
            prompt -= (cached or 0) + (written or 0)
            if prompt < 0:
                why = _impossible(usage_format, total, cached, written)
                return UsageReading(None, "", why)
        counts[_INPUT] = prompt
    if output is not None:
        counts[_OUTPUT] = output
    if cached is not None:
        counts[_CACHE_READ] = cached
    if written is not None:
        add_cache_writes(counts, reading, written, lifetimes, vendor)
    return reading


_MOST = MOST_COUNTED
# Looking a member up on its enum costs more than the rest of a line.
_INPUT, _OUTPUT = Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN
_CACHE_READ = Unit.CACHE_READ_TOKEN


def _read_odd_numbers(
    usage_format: UsageFormat,
    numbers: tuple[Any, ...],
    lifetimes: Mapping[str, Any] | None,
    vendor: str | None,
) -> UsageReading:
    """Read counts that are not all whole numbers from zero up.

    Cohere's own interface types its billed units as floats (Chat API reference,
    checked 2026-11-23), so ``7.0`` is seven.
    """
    whole = [
        int(number) if type(number) is float and number.is_integer() else number
        for number in numbers
    ]
    if list(map(type, whole)) == list(map(type, numbers)):
        note = f"{usage_format.source}: a count is not a whole number from 0 to 10^12"
        return UsageReading(None, "", note, PriceReason.USAGE_UNREADABLE)
    prompt, output, cached, written = whole
    return read_numbers(
        usage_format, prompt, output, cached, written, lifetimes, vendor
    )


def _impossible(
    usage_format: UsageFormat, total: int, cached: int | None, written: int | None
) -> str:
    return (
        f"{usage_format.source}: input {total} is less than the cached tokens "
        f"that it includes ({cached} read, {written} written)"
    )


def add_cache_writes(
    counts: dict[Unit, int],
    reading: UsageReading,
    written: int,
    lifetimes: Mapping[str, Any] | None,
    vendor: str | None,
) -> None:
    """Split *written* tokens by lifetime into *counts*; mark what had to be assumed."""
    rest = written
    if lifetimes is not None:
        split: dict[Unit, int] = {}
        for lifetime, count in lifetimes.items():
            unit = LIFETIME_UNITS.get(lifetime)
            if unit is None or not is_count(count):
                doubt(reading, "cache writes of a lifetime that is not known")
            elif count:
                split[unit] = count
                rest -= count
        if rest < 0:
            stated = written - rest
            doubt(reading, f"{stated} cache writes by lifetime, but {written} in all")
            rest = written
        else:
            counts.update(split)
    if rest or not written:
        unit = _UNSTATED_LIFETIME.get(vendor or "", Unit.CACHE_WRITE_5M_TOKEN)
        counts[unit] = counts.get(unit, 0) + rest
        reading.assumed = unit if rest else None


def doubt(reading: UsageReading, note: str) -> None:
    """Mark *reading* as an estimate because of *note*."""
    reading.estimated = True
    reading.note = f"{reading.note}; {note}" if reading.note else note


def split_cache_writes(
    counts: dict[Unit, int], reading: UsageReading, usage: Fields, vendor: str | None
) -> None:
    """Split cache writes of assumed lifetime, where Anthropic's *usage* states it."""
    lifetimes = anthropic_lifetimes(usage)
    if lifetimes is not None and reading.assumed is not None:
        written = counts.pop(reading.assumed, 0)
        reading.assumed = None
        add_cache_writes(counts, reading, written, lifetimes, vendor)
