"""Own prices: a model that is not listed, and a discount."""

from datetime import UTC, datetime
from decimal import Decimal

from bedrock_attrib import PriceNotFoundError, PriceTable, Unit, Usage
from bedrock_attrib.pricing import Discount, PriceRow

USAGE = Usage({Unit.INPUT_TOKEN: 1_200, Unit.OUTPUT_TOKEN: 540})
NEW = "acme.brand-new-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
AT = datetime(2026, 11, 23, tzinfo=UTC)


def row(unit: Unit, price: str) -> PriceRow:
    """Return a price per million tokens, valid in every region."""
    return PriceRow(
        model_id=NEW,
        region="default",
        scope="regional",
        tier="default",
        latency_mode="standard",
        context_band="",
        unit=unit,
        price=Decimal(price),
        per=1_000_000,
    )


def main() -> None:
    """Price the same usage with the bundled table and with own prices."""
    listed = PriceTable.bundled()
    try:
        listed.price(NEW, USAGE, region="us-east-1", at=AT)
    except PriceNotFoundError as error:
        print(f"{error.model_id} is not listed")

    own = listed.with_overrides(
        rows=[row(Unit.INPUT_TOKEN, "0.50"), row(Unit.OUTPUT_TOKEN, "2.00")],
        discounts=[Discount(Decimal(10), vendor="anthropic")],
    )
    for name, table, model in (
        ("own price", own, NEW),
        ("list price", listed, SONNET),
        ("less 10 %", own, SONNET),
    ):
        cost = table.price(model, USAGE, region="us-east-1", at=AT)
        print(f"{name:11}{cost.total:.6f} {cost.currency}")


if __name__ == "__main__":
    main()

# Prints:
# acme.brand-new-v1:0 is not listed
# own price  0.001680 USD
# list price 0.012870 USD
# less 10 %  0.011583 USD
