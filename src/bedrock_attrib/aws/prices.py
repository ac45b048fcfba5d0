"""Prices from AWS APIs: the Price List, and rate cards of an account.

Built on botocore 1.44.5's models of ``pricing`` and ``bedrock``; not yet tested with
a real account.
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
    """An AWS API returned no prices.

    The message is one line: the request, the response, and what to do.
    """


class PricingClient(Protocol):
    """Methods used of boto3's ``pricing`` client."""

    def get_paginator(self, operation_name: str) -> Any:  # noqa: ANN401 - untyped
        """Return a paginator of an operation."""


class ControlPlaneClient(Protocol):
    """Methods used of boto3's ``bedrock`` client."""

    def list_foundation_model_agreement_offers(self, *, modelId: str) -> Any:  # noqa: N803, ANN401 - AWS's own name; untyped
        """Return the offers of a model to this account."""


def pricing_client() -> PricingClient:
    """Create a client of the Price List API, with the environment's credentials.

    Raises:
        ConfigError: If the environment's AWS settings are invalid.
    """
    return cast("PricingClient", _client("pricing", _PRICING_REGION))


def bedrock_client(region: str) -> ControlPlaneClient:
    """Create a client of Bedrock's control plane in *region*.

    Raises:
        ConfigError: If the environment's AWS settings are invalid.
    """
    return cast("ControlPlaneClient", _client("bedrock", region))


def _client(service: str, region: str) -> object:
    try:
        # A new session: the default one caches earlier credentials.
        return boto3.Session().client(service, region_name=region)
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"cannot create a client of {service} in {region!r}: {error}"
        ) from error


def read_price_list(
    client: PricingClient, *, regions: Sequence[str] = ()
) -> Iterator[Sku]:
    """Read all offers that price models from the Price List API.

    Needs the permission ``pricing:GetProducts``. Pages are fetched as they are read.

    Args:
        client: Client of ``pricing``.
        regions: Regions to read; empty for all, which takes some hundred pages.

    Raises:
        PriceApiError: If AWS rejects the request or cannot be reached.
        ConfigError: If a response is not as AWS documents it.
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
            with _one_line_errors(f"pricing:GetProducts of {offer}"):
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
    client: ControlPlaneClient, model_ids: Sequence[str], *, region: str
) -> Iterator[RateCardLine]:
    """Read what this account pays for Marketplace models, including private offers.

    Needs the permission ``bedrock:ListFoundationModelAgreementOffers``.

    Args:
        client: Client of ``bedrock`` in *region*.
        model_ids: Model ids; for a profile id, its model is used. Models that are not
            sold through the Marketplace have no rate card.
        region: Region of the request.

    Raises:
        PriceApiError: If AWS rejects the request, cannot be reached, or has no rate
            card.
    """
    for named in model_ids:
        model_id = parse_model_id(named).model_id or named
        asked = f"bedrock:ListFoundationModelAgreementOffers of {model_id}"
        with _one_line_errors(asked):
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
def _one_line_errors(asked: str) -> Iterator[None]:
    """Raise errors of AWS as `PriceApiError`, in one line."""
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
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), _one_line(details.get("Message", ""))
    if code in _NOT_ALLOWED:
        return f"these AWS credentials may not do that ({code}: {message})"
    if code in _EXPIRED:
        return f"these AWS credentials have expired ({code}); sign in again"
    return f"{code}: {message}"


def _one_line(text: object) -> str:
    return f"{' '.join(str(text).split()):.300}"
