"""Offer files of AWS's price list, by offer and region."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..price_list import OFFERS
from ._download import Downloader, forget
from ._errors import PriceUpdateError

BASE_URL = "https://pricing.us-east-1.amazonaws.com"
"""Where AWS publishes offer files, without an account: AWS Billing user guide, "Using
the price list bulk API", as of 2026-11."""

_INDEX = "/offers/v1.0/aws/{offer}/current/region_index.json"
_INDEX_NAME = "region_index.json"
# A path of the same server. It becomes part of an address, and the region a file name.
_PATH = re.compile(r"/[A-Za-z0-9._/-]{1,300}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


def fetch_offers(
    downloader: Downloader, folder: Path, *, base_url: str, regions: Collection[str]
) -> Iterator[Path]:
    """Bring the offer files in *folder* up to date, and yield each.

    Args:
        downloader: Fetches files.
        folder: Where offer files are stored.
        base_url: Server and path before ``/offers``.
        regions: Regions; empty for all.

    Raises:
        PriceUpdateError: If a file cannot be had, or an index is not as documented.
        OSError: If *folder* cannot be written.
    """
    base = base_url.rstrip("/")
    for offer in OFFERS:
        index_path = folder / offer / _INDEX_NAME
        index_url = base + _INDEX.format(offer=offer)
        index = _read_index(downloader.fetch(index_url, index_path), index_url)
        for region, path in sorted(index.items()):
            if not regions or region in regions:
                yield downloader.fetch(base + path, folder / offer / f"{region}.json")


def stored_offers(folder: Path) -> list[Path]:
    """Return the offer files in *folder* and below, JSON or CSV."""
    found = (*folder.rglob("*.json"), *folder.rglob("*.csv"))
    return sorted(path for path in found if path.name != _INDEX_NAME)


def _read_index(path: Path, url: str) -> dict[str, str]:
    """Return the path of each region's offer file."""
    try:
        regions: Any = json.loads(path.read_bytes())["regions"]
        return {str(name): _checked(name, each) for name, each in regions.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        forget(path)
        raise PriceUpdateError(
            f"{url}: is not an index of regions as AWS documents it"
        ) from error


def _checked(region: str, entry: Any) -> str:  # noqa: ANN401 - parsed JSON
    path = entry["currentVersionUrl"]
    if not _REGION.fullmatch(region) or not _PATH.fullmatch(path) or ".." in path:
        raise ValueError(region)
    return str(path)
