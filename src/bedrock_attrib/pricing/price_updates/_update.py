"""Price update: offer files imported into a dated price file."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, groupby
from pathlib import Path

from ...errors import ConfigError
from .._compare import PriceChange
from .._load import checksum_line, checksum_path
from .._price_file import make_price_file, render_price_file, write_text
from .._rows import PriceRow
from .._table import PriceTable
from ..price_list import ImportedPrices, Sku, collect, read_offer_file
from ..price_list._write import sources_of
from ._download import Downloader, forget
from ._errors import PriceUpdateError
from ._lock import locked
from ._offer_downloads import BASE_URL, fetch_offers, stored_offers

_ALL_FILES_S = 15 * 60.0
_CHECKED = ".checked"


@dataclass(frozen=True, slots=True)
class PriceUpdate:
    """Result of a price update.

    Attributes:
        path: The price file.
        is_written: Whether it was written; False when nothing is new.
        found: What the offer files had; None when they were not read, as none of
            them had changed.
        prices: Number of rows of the price file.
        changes: Prices of calls on the day of the update that are different now.
        fetched: Files that were downloaded.
        unchanged: Files that had not changed.
    """

    path: Path
    is_written: bool
    found: ImportedPrices | None
    prices: int
    changes: tuple[PriceChange, ...]
    fetched: int = 0
    unchanged: int = 0


def update_from_aws(
    path: Path,
    *,
    today: date,
    regions: Collection[str] = (),
    base_url: str = BASE_URL,
    waits: bool = True,
    compares: bool = True,
    sleep: Callable[[float], object] = time.sleep,
) -> PriceUpdate | None:
    """Fetch AWS's public offer files and import them into a price file.

    Offer files are stored beside the price file, so that only what has changed is
    fetched. No account is needed. One process at a time does this for a price file.

    Args:
        path: The price file, written whole or not at all.
        today: Day for which changes are reported, UTC.
        regions: Regions to fetch; empty for all.
        base_url: Another server with the same files, such as a mirror.
        waits: Whether to wait for another process that updates the same file.
        compares: Whether to find out which prices changed.
        sleep: Waits between attempts.

    Returns:
        The result; None when another process is at it and *waits* is false.

    Raises:
        PriceUpdateError: If a file cannot be had or is not as AWS documents it.
        ConfigError: If a folder or the price file cannot be written.
    """
    folder = download_folder(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, waits=waits) as is_held:
            if not is_held:
                return None
            downloader = Downloader(deadline_s=_ALL_FILES_S, sleep=sleep)
            files = list(
                fetch_offers(downloader, folder, base_url=base_url, regions=regions)
            )
            if not files:
                raise PriceUpdateError(
                    f"{base_url}: has no offer file of {', '.join(regions)}"
                )
            update = _unchanged(path, files) if not downloader.fetched else None
            if update is None:
                found = collect(_read_downloads(files), regions=regions)
                update = _write(path, found, today if compares else None)
            (folder / _CHECKED).touch()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error}") from error
    return replace(update, fetched=downloader.fetched, unchanged=downloader.unchanged)


def _unchanged(path: Path, files: Iterable[Path]) -> PriceUpdate | None:
    """Return a result without news; None if the files have to be imported.

    They have to be if there is no price file, or if the run that fetched them ended
    before it had imported them.
    """
    old, imported_at = _table_of(path), checked_at(path)
    newest = max(file.stat().st_mtime for file in files)
    if old is None or imported_at is None or imported_at < newest:
        return None
    rows = sum(1 for _ in old.rows())
    return PriceUpdate(path, is_written=False, found=None, prices=rows, changes=())


def update_from_folder(
    path: Path, folder: Path, *, today: date, regions: Collection[str] = ()
) -> PriceUpdate:
    """Import the offer files in a folder into a price file, without a network.

    Args:
        path: The price file, written whole or not at all.
        folder: Folder with offer files, JSON or CSV, at any depth.
        today: Day for which changes are reported, UTC.
        regions: Regions to import; empty for all.

    Raises:
        ConfigError: If there is no offer file, one cannot be read, or the price file
            cannot be written.
    """
    files = [each for each in stored_offers(folder) if not _is_same(each, path)]
    if not files:
        raise ConfigError(f"{folder}: has no offer files; expected *.json or *.csv")
    found = collect(chain.from_iterable(map(read_offer_file, files)), regions=regions)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error
    return _write(path, found, today)


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def download_folder(path: Path) -> Path:
    """Return the folder of the offer files of price file *path*."""
    return path.with_name(f"{path.stem}.offers")


def checked_at(path: Path) -> float | None:
    """Return when prices were last compared with AWS's, or None, as `time.time`."""
    try:
        return (download_folder(path) / _CHECKED).stat().st_mtime
    except OSError:
        return None


def _read_downloads(files: Iterable[Path]) -> Iterator[Sku]:
    for path in files:
        try:
            yield from read_offer_file(path)
        except ConfigError as error:
            forget(path)
            raise PriceUpdateError(f"{error}; the next run fetches it anew") from error


def _write(path: Path, found: ImportedPrices, today: date | None) -> PriceUpdate:
    if not found.rows or found.as_of is None:
        raise PriceUpdateError(
            f"no line of the offer files gave a price; {path} is as before"
        )
    old = _table_of(path)
    before = [] if old is None else list(old.rows())
    newest = max(found.as_of, found.as_of if old is None else old.generated_on)
    is_newer = newest == found.as_of
    rows = (
        merge_history(before, found.rows)
        if is_newer
        else merge_history(found.rows, before)
    )
    bundled = PriceTable.bundled()
    effective = bundled if old is None else bundled.with_list(old)
    is_written = rows != before or old is None or newest != old.generated_on
    if is_written:
        from .._schema import check_price_file  # noqa: PLC0415 - pydantic takes 150 ms

        content = make_price_file(rows, generated=newest, sources=sources_of(rows))
        check_price_file(content, path=path)
        text = render_price_file(content)
        write_text(path, text)
        write_text(checksum_path(path), checksum_line(path, text.encode()))
    changes = () if today is None else _changes(effective, path, today)
    return PriceUpdate(path, is_written, found, len(rows), changes)


def _changes(before: PriceTable, path: Path, today: date) -> tuple[PriceChange, ...]:
    """Return the prices of calls that a price file changes."""
    changes = before.compare(PriceTable.load(path), on=today)
    # What the price file lacks, the bundled table still prices.
    return tuple(change for change in changes if change.after is not None)


def _table_of(path: Path) -> PriceTable | None:
    """Return the price file as it is; None when there is none that can be read."""
    try:
        return PriceTable.load(path)
    except ConfigError:
        return None


def merge_history(
    before: Iterable[PriceRow], after: Iterable[PriceRow]
) -> list[PriceRow]:
    """Return the rows of two price lists, so that past calls keep their prices.

    Of two prices from the same day, that of *after* holds. A price that stays the same
    keeps its first day.
    """
    by_start = {
        (row.model_id, row.key, row.valid_from): row for row in (*before, *after)
    }
    rows = sorted(
        by_start.values(),
        key=lambda row: (row.model_id, row.key, row.valid_from or date.min),
    )
    merged: list[PriceRow] = []
    for _, of_key in groupby(rows, key=lambda row: (row.model_id, row.key)):
        last: PriceRow | None = None
        for row in of_key:
            if last is None or (last.price, last.per) != (row.price, row.per):
                merged.append(row)
                last = row
    return merged
