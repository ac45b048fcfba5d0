"""Guard round: asks every guard about one call before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._model.call_start import CallStart
from .._runtime.contained_errors import ContainedErrors
from .._sinks.protocols import Guard, Reservation, WaitingGuard
from ..errors import RefusedError


class GuardRound:
    """Guards that are still to be asked about one call, in order.

    Attributes:
        reservations: What was reserved so far.
    """

    __slots__ = ("_faults", "_guards", "_start", "_waits", "reservations")

    def __init__(
        self, start: CallStart, guards: Sequence[Guard], faults: ContainedErrors
    ) -> None:
        """Prepare to ask *guards*."""
        self.reservations: list[Reservation] = []
        self._start = start
        self._guards: Iterator[Guard] = iter(guards)
        self._waits: Guard | None = None  # asked at once, and could not say
        self._faults = faults

    def ask(self, *, may_wait: bool) -> bool:
        """Ask the guards that were not asked yet.

        Args:
            may_wait: Whether a guard may wait for a server.

        Returns:
            False where one would have to wait: ask again on another thread.

        Raises:
            RefusedError: If a guard refuses the call.
        """
        is_over = True
        try:
            if self._waits is not None:
                self._ask(self._waits, may_wait=True)
            for guard in self._guards:
                if not self._ask(guard, may_wait=may_wait):
                    self._waits = guard
                    is_over = False
                    return False
        finally:
            if is_over:
                self._start.release()
        return True

    def _ask(self, guard: Guard, *, may_wait: bool) -> bool:
        try:
            if may_wait or not isinstance(guard, WaitingGuard):
                self._take(guard.check(self._start))
                return True
            found = guard.check_at_once(self._start)
            if found is None:
                return False
            self._take(found[0])
        except RefusedError:
            raise
        except Exception as fault:
            self._faults.note(type(guard).__name__, fault)
        return True

    def _take(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            self.reservations.append(reservation)
