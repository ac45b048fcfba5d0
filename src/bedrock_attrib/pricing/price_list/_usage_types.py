"""Parser of usage types: model, unit counted, and terms.

The price list and bills use the same grammars:

- runtime: ``USE1-NovaLite-input-tokens-flex-cross-region-global``;
- mantle: ``USE1-openai.gpt-oss-120b-mantle-output-tokens-priority``;
- Marketplace: ``USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units`` and
  ``USE1-MP:USE1_cache_write_tokens_1h_global_standard-Units``;
- guardrails: ``USE1-Guardrail-TopicPolicyUnitsConsumed``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..._model.model_id import GUARDRAIL_CHECKS_MODEL, GUARDRAIL_MODEL, Scope
from ..._model.usage import GUARDRAIL_CHECKS_UNITS
from ._models import KNOWN_STEMS
from ._names import IMAGES_CREATED
from ._phrases import (
    COUNTED_BY_NOTHING,
    DRAWN,
    FEATURES,
    GUARDRAILS,
    LIFETIMES,
    MEASURES,
    QUALIFIERS,
    SKIPPED,
    Measure,
    Phrase,
    Piece,
)
from ._sku import Reason, UnmappedError

_MARKETPLACE = re.compile(r"(?:[A-Z0-9]+-)?MP:([A-Z0-9]+)_([A-Za-z0-9_]+)-Units")
_PLAIN = re.compile(r"[A-Z]{2}[A-Z0-9]{0,3}-(.+)")
_MANTLE = re.compile(r"([a-z0-9]+\.[a-z0-9.:-]+?)-mantle-(.+)")
_WORD_ENDS = re.compile(r"[-_ ]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])")
_CREATED_IMAGE = re.compile(r"CreatedImage([A-Za-z]+)")
_LONGEST_TEXT = 300
_LONGEST_PHRASE = max(map(len, (*MEASURES, *COUNTED_BY_NOTHING)))
_LONGEST_TERM = max(map(len, QUALIFIERS))


@dataclass(frozen=True, slots=True)
class UsageType:
    """Parsed usage type.

    Attributes:
        stem: The part that names the model; empty where something else names it.
        is_id: True when ``stem`` is a model id.
        model_id: Model that the usage type itself decides, or empty.
        measure: What is counted.
        scope: Where calls may be served.
        tier: Service tier; None when not stated, which is the default tier.
        latency_mode: ``standard`` or ``optimized``.
        is_long: True for the price of long prompts.
    """

    measure: Measure
    stem: str = ""
    is_id: bool = False
    model_id: str = ""
    scope: Scope = Scope.REGIONAL
    tier: str | None = None
    latency_mode: str = "standard"
    is_long: bool = False


def read_usage_type(text: str) -> UsageType:
    """Read *text*, a usage type with its region code.

    Raises:
        UnmappedError: If it is skipped on purpose, or not understood in every word.

    Example:
        >>> found = read_usage_type("USE1-NovaLite-input-tokens-flex")
        >>> found.stem, found.measure.unit.value, found.tier
        ('NovaLite', 'input_token', 'flex')
    """
    if len(text) > _LONGEST_TEXT:
        raise UnmappedError(Reason.USAGE_TYPE, f"{text[:40]}…")
    _check_skipped(text)
    marketplace = _MARKETPLACE.fullmatch(text)
    if marketplace is not None:
        return read_dimension(marketplace[2])
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        raise UnmappedError(Reason.USAGE_TYPE, text)
    rest = plain[1]
    if rest.startswith("Guardrail"):
        return _read_guardrail(rest)
    if rest.partition("-")[0].lower() in FEATURES:
        raise UnmappedError(Reason.FEATURE, rest)
    mantle = _MANTLE.fullmatch(rest)
    if mantle is not None:
        return _read_words(mantle[2], stem=mantle[1], is_id=True)
    return _read_runtime(rest)


def read_dimension(text: str) -> UsageType:
    """Read *text*, a Marketplace dimension without its region code.

    Raises:
        UnmappedError: If it is skipped on purpose, or not understood in every word.
    """
    if len(text) > _LONGEST_TEXT:
        raise UnmappedError(Reason.USAGE_TYPE, f"{text[:40]}…")
    _check_skipped(text)
    service = _CREATED_IMAGE.fullmatch(text)
    if service is not None:
        model_id = IMAGES_CREATED.get(service[1].lower())
        if model_id is None:
            raise UnmappedError(Reason.UNKNOWN_MODEL, text)
        return UsageType(MEASURES["created", "image"], model_id=model_id)
    return _read_words(text)


def _check_skipped(text: str) -> None:
    small = text.lower()
    for part, reason in SKIPPED.items():
        if part in small:
            raise UnmappedError(reason)


def _read_guardrail(rest: str) -> UsageType:
    measure = GUARDRAILS.get(rest)
    if measure is None:
        raise UnmappedError(Reason.USAGE_TYPE, rest)
    is_check = measure.unit in GUARDRAIL_CHECKS_UNITS
    model = GUARDRAIL_CHECKS_MODEL if is_check else GUARDRAIL_MODEL
    return UsageType(measure, model_id=model.model_id or "")


def _read_runtime(rest: str) -> UsageType:
    """Find where the name of the model ends: before the first words that count.

    A known name goes before: ``TitanEmbeddingsG1-Text`` ends in such a word itself.
    """
    found: list[tuple[str, str]] = []
    for place, char in enumerate(rest):
        if char != "-":
            continue
        stem, tail = rest[:place], rest[place + 1 :]
        drawn = DRAWN.get((stem, tail))
        if drawn is not None:
            return UsageType(drawn, stem=stem)
        if _counts(split_words(tail)):
            found.append((stem, tail))
    if not found:
        raise UnmappedError(Reason.USAGE_TYPE, rest)
    known = [each for each in found if each[0] in KNOWN_STEMS]
    stem, tail = (known or found)[0]
    return _read_words(tail, stem=stem, is_id="." in stem and stem.islower())


def _counts(words: list[str]) -> bool:
    if words and words[0] == "reserved":
        return True
    return _phrase_at(words, 0) is not None


def _read_words(text: str, *, stem: str = "", is_id: bool = False) -> UsageType:
    measure: Measure | None = None
    terms: dict[str, str] = {}
    words, place = split_words(text), 0
    while place < len(words):
        phrase = None if measure else _phrase_at(words, place)
        if phrase is not None:
            if phrase in COUNTED_BY_NOTHING:
                raise UnmappedError(Reason.NO_UNIT, " ".join(phrase))
            measure = MEASURES[phrase]
            place += len(phrase)
            continue
        place += _take_term(words, place, terms)
    if measure is None:
        raise UnmappedError(Reason.USAGE_TYPE, text)
    return _with_terms(measure, terms, stem=stem, is_id=is_id)


def _take_term(words: list[str], place: int, terms: dict[str, str]) -> int:
    """Store the term at *place*; return its number of words."""
    for length in range(_LONGEST_TERM, 0, -1):
        phrase = tuple(words[place : place + length])
        term = QUALIFIERS.get(phrase)
        if term is None or len(phrase) < length:
            continue
        if term.kind and terms.setdefault(term.kind, term.value) != term.value:
            raise UnmappedError(
                Reason.DISAGREES, f"{terms[term.kind]} and {term.value}"
            )
        return length
    raise UnmappedError(Reason.USAGE_TYPE, f"the word {words[place]!r}")


def _with_terms(
    measure: Measure, terms: dict[str, str], *, stem: str, is_id: bool
) -> UsageType:
    tier, lifetime = terms.get("tier"), terms.get("lifetime")
    is_reserved = tier is not None and tier.startswith("reserved")
    if is_reserved != (Piece.TPM_HOUR in measure.pieces):
        raise UnmappedError(Reason.DISAGREES, f"{measure.unit} of tier {tier}")
    if lifetime is not None:
        if measure.unit is not LIFETIMES["5m"]:
            raise UnmappedError(Reason.DISAGREES, f"{measure.unit} of {lifetime}")
        measure = Measure(LIFETIMES[lifetime], measure.pieces)
    return UsageType(
        measure,
        stem=stem,
        is_id=is_id,
        scope=Scope(terms.get("scope", Scope.REGIONAL)),
        tier=tier,
        latency_mode=terms.get("latency_mode", "standard"),
        is_long="context" in terms,
    )


def _phrase_at(words: list[str], place: int) -> Phrase | None:
    """Return the longest phrase for a unit that begins at *place*."""
    for length in range(_LONGEST_PHRASE, 0, -1):
        phrase = tuple(words[place : place + length])
        if len(phrase) == length and (
            phrase in MEASURES or phrase in COUNTED_BY_NOTHING
        ):
            return phrase
    return None


def split_words(text: str) -> list[str]:
    """Return the words of *text* in lower case, whatever separates them.

    Example:
        >>> split_words("CacheWrite1hInputTokenCount_Global")
        ['cache', 'write', '1h', 'input', 'token', 'count', 'global']
    """
    return [word.lower() for word in _WORD_ENDS.split(text) if word]
