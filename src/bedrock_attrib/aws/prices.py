"""Prices as AWS's own APIs tell them: the Price List, and rate cards of an account.

Built on botocore 1.44.5's models of ``pricing`` and ``bedrock``; not yet tried with a
real account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from .._model.model_id import parse_model_id
from ..errors import BedrockAttribError, ConfigError
from ..pricing.price_list import OFFERS, RateCardLine, Sku, read_product

# The Price List API is served from few regions (botocore 1.44.5, endpoints.json).
_PRICING_REGION = "us-east-1"
_PRODUCTS_PER_PAGE = 100
_NOT_ALLOWED = frozenset(
    {"AccessDeniedException", "UnauthorizedOperation", "UnrecognizedClientException"}
)
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId"})


class PriceApiError(BedrockAttribError, RuntimeError):
    """An AWS API did not tell its prices.

    The message is one line: what was asked, what came, what to do.
    """


class PricingClient(Protocol):
    """What is used of boto3's client of ``pricing``."""

    def get_paginator(self, operation_name: str) -> Any:  # noqa: ANN401 - untyped
        """A paginator of an operation."""


class BedrockClient(Protocol):
    """What is used of boto3's client of ``bedrock``."""

    def list_foundation_model_agreement_offers(self, *, modelId: str) -> Any:  # noqa: N803, ANN401 - AWS's own name; untyped
        """Offers of a model to this account."""


def pricing_client() -> PricingClient:
    """A client of the Price List API, with the credentials of the environment.

    Raises:
        ConfigError: If the environment's settings of AWS are wrong.
    """
    return cast("PricingClient", _client("pricing", _PRICING_REGION))


def bedrock_client(region: str) -> BedrockClient:
    """A client of Bedrock's control plane in *region*.

    Raises:
        ConfigError: If the environment's settings of AWS are wrong.
    """
    return cast("BedrockClient", _client("bedrock", region))


def _client(service: str, region: str) -> object:
    try:
        # A session of its own: the default one keeps credentials of before.
        return boto3.Session().client(service, region_name=region)
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"no client of {service} in {region!r}: {error}") from error


def read_price_list(
    client: PricingClient, *, regions: Sequence[str] = ()
) -> Iterator[Sku]:
    """Ask the Price List API for the lines of all offers that price models.

    Needs the permission ``pricing:GetProducts``. Pages are fetched as they are read.

    Args:
        client: Client of ``pricing``.
        regions: Regions to ask for; empty for all, which takes some hundred pages.

    Raises:
        PriceApiError: If AWS refuses or cannot be reached.
        ConfigError: If an answer is not as AWS documents it.
    """
    paginator = client.get_paginator("get_products")
    for offer in OFFERS:
        for region in regions or [""]:
            pages = paginator.paginate(
                ServiceCode=offer,
                FormatVersion="aws_v1",
                Filters=_filters(region),
                PaginationConfig={"PageSize": _PRODUCTS_PER_PAGE},
            )
            with _told(f"pricing:GetProducts of {offer}"):
                for page in pages:
                    yield from _read_products(page.get("PriceList", ()))


def _filters(region: str) -> list[dict[str, str]]:
    if not region:
        return []
    return [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}]


def _read_products(texts: Iterable[str]) -> Iterator[Sku]:
    for text in texts:
        yield from read_product(text)


def read_rate_cards(
    client: BedrockClient, model_ids: Sequence[str], *, region: str
) -> Iterator[RateCardLine]:
    """Ask what this account pays for Marketplace models, private offers included.

    Needs the permission ``bedrock:ListFoundationModelAgreementOffers``.

    Args:
        client: Client of ``bedrock`` in *region*.
        model_ids: Model ids; of a profile id, the model is asked for. Models that are
            not sold through the Marketplace have no rate card.
        region: Region that is asked.

    Raises:
        PriceApiError: If AWS refuses, cannot be reached, or has no rate card.
    """
    for named in model_ids:
        model_id = parse_model_id(named).model_id or named
        asked = f"bedrock:ListFoundationModelAgreementOffers of {model_id}"
        with _told(asked):
            answer = client.list_foundation_model_agreement_offers(modelId=model_id)
        lines = list(_lines_of(answer, model_id, region))
        if not lines:
            raise PriceApiError(f"{asked}: there is no rate card in {region}")
        yield from lines


def _lines_of(answer: Any, model_id: str, region: str) -> Iterator[RateCardLine]:  # noqa: ANN401 - botocore's answers are untyped
    for offer in answer.get("offers", ()):
        terms = offer.get("termDetails", {}).get("usageBasedPricingTerm", {})
        for line in terms.get("rateCard", ()):
            yield RateCardLine(
                model_id=model_id,
                region=region,
                dimension=line.get("dimension", ""),
                price=line.get("price", ""),
                unit=line.get("unit", ""),
                description=line.get("description", ""),
            )


@contextmanager
def _told(asked: str) -> Iterator[None]:
    """Tell what goes wrong with AWS in one line."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise PriceApiError(
            f"{asked}: no AWS credentials were found; sign in, or set AWS_PROFILE"
        ) from error
    except ClientError as error:
        raise PriceApiError(f"{asked}: {_problem_of(error)}") from error
    except BotoCoreError as error:
        raise PriceApiError(f"{asked}: {_one_line(error)}") from error


def _problem_of(error: ClientError) -> str:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), _one_line(told.get("Message", ""))
    if code in _NOT_ALLOWED:
        return f"these AWS credentials may not do that ({code}: {message})"
    if code in _EXPIRED:
        return f"these AWS credentials have expired ({code}); sign in again"
    return f"{code}: {message}"


def _one_line(text: object) -> str:
    return f"{' '.join(str(text).split()):.300}"
