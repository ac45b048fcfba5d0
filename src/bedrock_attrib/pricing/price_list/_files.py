"""Offer files of AWS's price list, JSON and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import ConfigError
from ._csv_offer import read_csv_offer
from ._json_offer import read_json_offer
from ._sku import Sku

OFFERS = ("AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels")
"""Service codes of the offers with prices of Bedrock models."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HEAD_BYTES = 64
# First bytes of files that people save by accident.
_OTHER_FORMATS = {
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"PK": "is a ZIP archive; unpack it first",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"<": "is a page, not an offer file; save what the link to the file leads to",
}


def read_offer_file(path: Path | str) -> Iterator[Sku]:
    """Yield the priced lines of an offer file, JSON or CSV.

    Args:
        path: A file that AWS published: ``index.json`` or ``index.csv`` of
            ``AmazonBedrock``, ``AmazonBedrockService`` or
            ``AmazonBedrockFoundationModels``, for all regions or one.

    Raises:
        ConfigError: If the file cannot be read or is not an offer; names it.
    """
    path = Path(path)
    try:
        for sku in _reader_of(path)(path):
            if sku.offer not in OFFERS:
                raise ConfigError(
                    f"{path}: is the offer {sku.offer!r:.60}; expected one of "
                    f"{', '.join(OFFERS)}"
                )
            yield sku
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _reader_of(path: Path) -> Callable[[Path], Iterator[Sku]]:
    """Return the reader for the format that *path* begins with."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    for start, problem in _OTHER_FORMATS.items():
        if text.startswith(start):
            raise ConfigError(f"{path}: {problem}")
    if not text:
        raise ConfigError(f"{path}: is empty")
    return read_json_offer if text.startswith((b"{", b"[")) else read_csv_offer
