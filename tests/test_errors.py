"""Errors say what was expected, what came and what to do, in every process."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bedrock_attrib import (
    BedrockAttribError,
    BudgetExceededError,
    ConfigError,
    LedgerError,
    PriceNotFoundError,
    TagPolicyError,
)
from bedrock_attrib.errors import MissingExtraError, RefusedError

AT = datetime(2026, 11, 15, 12, tzinfo=UTC)
NOT_FOUND = PriceNotFoundError(
    "model is not in the price table",
    model_id="newcomer.model-v1:0",
    region="eu-west-1",
    at=AT,
)
ERRORS: tuple[BedrockAttribError, ...] = (
    BedrockAttribError("x"),
    ConfigError("x"),
    MissingExtraError("cli", "click"),
    NOT_FOUND,
    RefusedError("x"),
    BudgetExceededError("x"),
    TagPolicyError("x"),
    LedgerError("x"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy],  # noqa: S301
    ids=["pickle", "copy"],
)
def test_errors_cross_processes(
    error: BedrockAttribError, again: Callable[[object], object]
) -> None:
    """An error that a worker process raises arrives as itself, facts included."""
    found = again(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


BUILTINS: dict[type[BedrockAttribError], type[Exception]] = {
    ConfigError: ValueError,
    MissingExtraError: ImportError,
    PriceNotFoundError: LookupError,
    TagPolicyError: ValueError,
    LedgerError: RuntimeError,
}


@pytest.mark.parametrize("kind", BUILTINS, ids=lambda kind: kind.__name__)
def test_one_tree(kind: type[BedrockAttribError]) -> None:
    """Every error is a BedrockAttribError and, where one fits, a builtin."""
    assert issubclass(kind, BedrockAttribError)
    assert issubclass(kind, BUILTINS[kind])


def test_refusals_are_the_errors_that_reach_a_call() -> None:
    """What guards raise, and nothing else, is a refusal."""
    refusals = {type(error) for error in ERRORS if isinstance(error, RefusedError)}
    assert refusals == {RefusedError, BudgetExceededError, TagPolicyError}


def test_missing_price_says_what_to_do() -> None:
    """The message names model, region, day and remedy; the facts are attributes."""
    assert str(NOT_FOUND) == (
        "no price for newcomer.model-v1:0 called from eu-west-1 on 2026-11-15: model "
        "is not in the price table; add rows with PriceTable.with_overrides()"
    )
    assert NOT_FOUND.reason == "model is not in the price table"
    assert NOT_FOUND.model_id == "newcomer.model-v1:0"
    assert NOT_FOUND.region == "eu-west-1"
    assert NOT_FOUND.at == AT


def test_missing_price_of_an_opaque_model() -> None:
    """A model that its id does not name is called so."""
    error = PriceNotFoundError("no row", model_id=None, region="us-east-1", at=AT)
    assert str(error).startswith("no price for an opaque model called from us-east-1")


def test_missing_extra_says_what_to_do() -> None:
    """The message gives the command that installs the extra."""
    error = MissingExtraError("cli", "click")
    assert error.extra == "cli"
    assert str(error) == (
        "click is not installed; it comes with the extra 'cli': pip install "
        "'bedrock-attrib[cli]'"
    )
