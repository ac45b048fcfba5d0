"""Prices as AWS's APIs tell them, by botocore's models and over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from offers import as_api, product, sold

from bedrock_attrib.aws.prices import (
    PriceApiError,
    bedrock_client,
    pricing_client,
    read_price_list,
    read_rate_cards,
)
from bedrock_attrib.errors import ConfigError
from bedrock_attrib.pricing.price_list import collect

NOVA = product("USE1-NovaLite-input-tokens", "0.00006", sku="A", model="Nova Lite")
OPUS = sold("Claude Opus 5", "input_tokens_standard", "5.5")
FOUNDATION_MODELS = "AmazonBedrockFoundationModels"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of nobody, so that requests are signed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "simulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")


def stubbed(service: str) -> tuple[Any, Stubber]:
    """A client whose answers botocore checks against its model."""
    client = boto3.client(service, region_name="us-east-1")
    return client, Stubber(client)


def asked(offer: str, *, region: str = "", token: str = "") -> dict[str, Any]:
    """Parameters of one page of an offer."""
    equal = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}
    return {
        "ServiceCode": offer,
        "FormatVersion": "aws_v1",
        "Filters": [equal] if region else [],
        "MaxResults": 100,
        **({"NextToken": token} if token else {}),
    }


def test_all_offers_and_pages():
    """Every page of each of the three offers is read."""
    client, stub = stubbed("pricing")
    pages = [
        ({"PriceList": as_api([NOVA]), "NextToken": "more"}, asked("AmazonBedrock")),
        ({"PriceList": []}, asked("AmazonBedrock", token="more")),
        ({"PriceList": []}, asked("AmazonBedrockService")),
        (
            {"PriceList": as_api([OPUS], code=FOUNDATION_MODELS)},
            asked(FOUNDATION_MODELS),
        ),
    ]
    for answer, parameters in pages:
        stub.add_response("get_products", answer, parameters)
    with stub:
        found = collect(read_price_list(client))
    stub.assert_no_pending_responses()
    assert [(row.model_id, row.price) for row in found.rows] == [
        ("amazon.nova-lite-v1:0", Decimal("0.06")),
        ("anthropic.claude-opus-5", Decimal("5.5")),
    ]


def test_regions():
    """Each region that is wanted is asked for, so that nothing else is sent."""
    client, stub = stubbed("pricing")
    for offer in ("AmazonBedrock", "AmazonBedrockService", FOUNDATION_MODELS):
        for region in ("us-east-1", "eu-west-1"):
            stub.add_response(
                "get_products", {"PriceList": []}, asked(offer, region=region)
            )
    with stub:
        assert list(read_price_list(client, regions=["us-east-1", "eu-west-1"])) == []
    stub.assert_no_pending_responses()


def test_answer_that_is_no_product():
    """An answer that AWS does not document is refused."""
    client, stub = stubbed("pricing")
    stub.add_response("get_products", {"PriceList": ["{}"]})
    with (
        stub,
        pytest.raises(ConfigError, match="product of the Price List API: has no"),
    ):
        list(read_price_list(client))


def rate_card(*lines: dict[str, str]) -> dict[str, Any]:
    """An answer with one offer."""
    terms = {
        "usageBasedPricingTerm": {"rateCard": list(lines)},
        "legalTerm": {"url": "https://example.com"},
        "supportTerm": {},
    }
    offers = [{"offerId": "o", "offerToken": "t", "termDetails": terms}]
    return {"modelId": "anthropic.claude-opus-5", "offers": offers}


def test_rate_card():
    """Lines of a rate card come with the model and the region that were asked."""
    client, stub = stubbed("bedrock")
    line = {
        "dimension": "USE1_input_tokens_standard",
        "price": "5.5",
        "unit": "Units",
        "description": "Million Input Tokens Regional",
    }
    stub.add_response(
        "list_foundation_model_agreement_offers",
        rate_card(line),
        {"modelId": "anthropic.claude-opus-5"},
    )
    with stub:
        (found,) = read_rate_cards(
            client, ["us.anthropic.claude-opus-5"], region="us-east-1"
        )
    assert (found.model_id, found.region) == ("anthropic.claude-opus-5", "us-east-1")
    assert (found.dimension, found.price) == ("USE1_input_tokens_standard", "5.5")
    assert (found.unit, found.description) == ("Units", "Million Input Tokens Regional")


def test_no_rate_card():
    """A model that is not sold through the Marketplace has no rate card."""
    client, stub = stubbed("bedrock")
    stub.add_response(
        "list_foundation_model_agreement_offers",
        {"modelId": "amazon.nova-lite-v1:0", "offers": []},
    )
    with stub, pytest.raises(PriceApiError, match="there is no rate card in us-east-1"):
        list(read_rate_cards(client, ["amazon.nova-lite-v1:0"], region="us-east-1"))


PROBLEMS = [
    (
        "AccessDeniedException",
        "User x is not authorized\nto perform that",
        (
            "pricing:GetProducts of AmazonBedrock: these AWS credentials may not do "
            "that (AccessDeniedException: User x is not authorized to perform that)"
        ),
    ),
    (
        "ExpiredTokenException",
        "The token is expired",
        (
            "pricing:GetProducts of AmazonBedrock: these AWS credentials have expired "
            "(ExpiredTokenException); sign in again"
        ),
    ),
    (
        "ThrottlingException",
        "Rate exceeded",
        "pricing:GetProducts of AmazonBedrock: ThrottlingException: Rate exceeded",
    ),
]


@pytest.mark.parametrize(("code", "message", "told"), PROBLEMS)
def test_refused(code: str, message: str, told: str):
    """What AWS refuses is told in one line, with what to do."""
    client, stub = stubbed("pricing")
    stub.add_client_error("get_products", code, message)
    with stub, pytest.raises(PriceApiError) as caught:
        list(read_price_list(client))
    assert str(caught.value) == told


def test_no_credentials(monkeypatch: pytest.MonkeyPatch):
    """Without credentials nothing is sent, and the message says what to do."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PriceApiError) as caught:
        list(read_price_list(pricing_client()))
    assert str(caught.value) == (
        "pricing:GetProducts of AmazonBedrock: no AWS credentials were found; sign in, "
        "or set AWS_PROFILE"
    )


def test_wrong_settings(monkeypatch: pytest.MonkeyPatch):
    """Settings of AWS that make no client are told."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigError, match="cannot create a client of bedrock"):
        bedrock_client("us-east-1")


@contextmanager
def served(answer: Callable[[str, Any], Any]) -> Iterator[str]:
    """An AWS on this machine, which answers every request; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            target = self.headers.get("X-Amz-Target", "")
            body = json.loads(self.rfile.read(length) or "{}")
            self._reply(answer(target, body))

        def do_GET(self) -> None:
            self._reply(answer(self.path, {}))

        def _reply(self, content: Any) -> None:
            text = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_over_sockets(monkeypatch: pytest.MonkeyPatch):
    """The clients that users get ask what they should, over a real connection."""

    def answer(target: str, body: Any) -> Any:
        asked_for.append((target, body.get("ServiceCode")))
        is_first = body.get("ServiceCode") == "AmazonBedrock"
        return {"FormatVersion": "aws_v1", "PriceList": as_api([NOVA]) * is_first}

    asked_for: list[tuple[str, str]] = []
    with served(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", url)
        found = collect(read_price_list(pricing_client(), regions=["us-east-1"]))
    target = "AWSPriceListService.GetProducts"
    assert [row.model_id for row in found.rows] == ["amazon.nova-lite-v1:0"]
    assert asked_for == [
        (target, "AmazonBedrock"),
        (target, "AmazonBedrockService"),
        (target, FOUNDATION_MODELS),
    ]


def test_rate_card_over_sockets(monkeypatch: pytest.MonkeyPatch):
    """The same for rate cards."""
    line = {"dimension": "output_tokens_standard", "price": "27.5", "unit": "Units"}
    paths = []

    def answer(path: str, _: Any) -> Any:
        paths.append(path)
        return rate_card({**line, "description": ""})

    with served(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", url)
        client = bedrock_client("eu-west-1")
        (found,) = read_rate_cards(
            client, ["anthropic.claude-opus-5"], region="eu-west-1"
        )
    assert paths == ["/list-foundation-model-agreement-offers/anthropic.claude-opus-5"]
    assert (found.region, found.dimension) == ("eu-west-1", "output_tokens_standard")


def test_cannot_be_reached():
    """An address where nobody answers is told in one line."""
    client = boto3.client(
        "pricing",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(PriceApiError) as caught:
        list(read_price_list(client))
    assert str(caught.value).startswith(
        "pricing:GetProducts of AmazonBedrock: Could not connect to the endpoint URL"
    )
    assert "\n" not in str(caught.value)
