"""What of an address is shown, wherever one is."""

from __future__ import annotations

import pytest

from bedrock_attrib._runtime.public_address import public_address, without_addresses


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("calls.db", "calls.db"),
        ("/var/lib/my ledger.db", "/var/lib/my ledger.db"),
        (
            "postgresql://ada:s3cret@db:5432/costs?a=s3cret",
            "postgresql://db:5432/costs",
        ),
        ("postgresql://ada:s3@cret@db/costs", "postgresql://db/costs"),
        ("postgresql://ada:s3cret@db1,db2:5/costs", "postgresql://db1,db2:5/costs"),
        ("postgresql://ada:s3cret@[::1]:5432/c", "postgresql://[::1]:5432/c"),
        ("postgresql://ada:s3/cret@db/costs", "postgresql://…"),
        ("postgresql://ada:s3#cret@db/costs", "postgresql://…"),
        ("postgresql://ada:s3?cret@db/costs", "postgresql://…"),
        ("postgresql://ada:s3cret", "postgresql://…"),
        ("postgresql://[s3cret", "postgresql://…"),
        ("https://x:s3cret@collector:4317/v1?key=s3cret", "https://collector:4317/v1"),
        ("host=db port=5 dbname=costs password=s3cret", "postgresql://db:5/costs"),
        ("host=db password = 's3 cret' user=a", "postgresql://db/"),
        ("host=db password='s3cret", "postgresql://…"),
        ("password=s3 cret host=db", "postgresql://…"),
    ],
)
def test_only_scheme_host_and_database_are_shown(address: str, shown: str) -> None:
    """Nothing is shown of what cannot be parsed."""
    assert public_address(address) == shown
    assert "s3" not in without_addresses(f"cannot open {address}, as ")
