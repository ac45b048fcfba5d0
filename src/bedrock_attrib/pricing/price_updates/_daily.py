"""Daily price updates on a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..._runtime.contained_errors import PROCESS_ERRORS, logger
from ..._runtime.fork import ResetOrder, after_fork
from ...errors import BedrockAttribError
from .._table import UpdatingPriceTable
from ._offer_downloads import BASE_URL
from ._update import checked_at, update_from_aws

_DAY_S = 24 * 3600.0
_FIRST_RETRY_S = 3600.0
_SHORTEST_WAIT_S = 1.0


class DailyPriceUpdates:
    """Fetches AWS's prices once a day and puts them into a price table.

    Several processes may share a price file: one of them fetches, the others read it.
    What fails is counted and tried again; the table keeps its prices.
    """

    def __init__(
        self,
        table: UpdatingPriceTable,
        reload: Callable[[], None],
        path: Path,
        *,
        base_url: str = BASE_URL,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            table: The table that is brought up to date.
            reload: Reads the price file into the table.
            path: The price file.
            base_url: Where the offer files are.
            clock: Seconds since the epoch.
            sleep: Waits between attempts; None to wait until `stop`.
        """
        self.table = table
        self._reload = reload
        self._path = path
        self._base_url = base_url
        self._clock = clock
        self._sleep = sleep or self._wait
        self._stopped = threading.Event()
        self._seen = _version_of(path)

    def start(self) -> None:
        """Start the thread; each forked child starts one of its own."""
        self._start_thread()
        after_fork(self._restart, ResetOrder.EXPORT)

    def stop(self) -> None:
        """End the thread, as soon as it waits."""
        self._stopped.set()

    def _restart(self) -> None:
        if not self._stopped.is_set():
            self._stopped = threading.Event()
            self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=self._run, name="bedrock-attrib-prices", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or Python ends
            PROCESS_ERRORS.note("price update", error)

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stopped.wait(self._wait_s()):
            try:
                self.update()
            except Exception as error:  # noqa: BLE001 - nobody else is on this thread
                self._note(error)
                self._stopped.wait(retry_s)
                retry_s = min(2 * retry_s, _DAY_S)
            else:
                retry_s = _FIRST_RETRY_S

    def update(self) -> None:
        """Fetch prices if no process has done so for a day, and read them.

        Raises:
            BedrockAttribError: If they cannot be had or read.
        """
        if self._wait_s() <= _SHORTEST_WAIT_S:
            today = datetime.fromtimestamp(self._clock(), UTC).date()
            update_from_aws(
                self._path,
                today=today,
                base_url=self._base_url,
                waits=False,
                compares=False,
                sleep=self._sleep,
            )
        version = _version_of(self._path)
        if version != self._seen:
            self._reload()
            self._seen = version

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _wait_s(self) -> float:
        checked = checked_at(self._path)
        if checked is None:
            return _SHORTEST_WAIT_S
        since = self._clock() - checked
        # A clock that was set back must not put updates off for ever.
        return max(_SHORTEST_WAIT_S, _DAY_S - since) if since >= 0 else _DAY_S

    def _note(self, error: Exception) -> None:
        PROCESS_ERRORS.note("price update", error)
        if isinstance(error, BedrockAttribError):  # which quotes nothing of a call
            logger.info("prices were not updated: %s", error)


def _version_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
