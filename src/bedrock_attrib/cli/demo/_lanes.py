"""Threads that make the calls of the demo, one for each lane of its plan."""

from __future__ import annotations

import threading
from time import monotonic

from ..._attribution import attribution
from ._calls import BedrockClient, make_call
from ._endpoint import MeteredEndpoint
from ._plan import Lane, Step

_JOIN_WITHIN_S = 2.0


class Lanes:
    """The calls of a plan, made over real sockets within a given time.

    Attributes:
        planned: Number of calls in the plan.
    """

    def __init__(
        self, lanes: tuple[Lane, ...], endpoint: MeteredEndpoint, window_s: float
    ) -> None:
        """Prepare the threads.

        Args:
            lanes: The calls.
            endpoint: Where to send them.
            window_s: Seconds over which the calls are spread.
        """
        self.planned = sum(map(len, lanes))
        self._endpoint = endpoint
        self._window_s = window_s
        self._stop = threading.Event()
        self._started = monotonic()
        self._running: list[threading.Thread] = []
        self._threads = [
            threading.Thread(
                target=self._run_lane,
                args=(lane, endpoint.client(lane[0].job.region)),
                name=f"demo-{lane[0].job.app}",
                daemon=True,
            )
            for lane in lanes
        ]

    def start(self) -> None:
        """Start calling."""
        self._started = monotonic()
        for thread in self._threads:
            thread.start()
            self._running.append(thread)

    @property
    def is_running(self) -> bool:
        """Return whether calls are still to be made."""
        return any(thread.is_alive() for thread in self._running)

    def stop(self) -> None:
        """Start no further call, and wait for those in progress."""
        self._stop.set()
        deadline = monotonic() + _JOIN_WITHIN_S
        for thread in self._running:
            thread.join(max(0.0, deadline - monotonic()))

    def _run_lane(self, lane: Lane, client: BedrockClient) -> None:
        for step in lane:
            wait_s = self._started + step.at * self._window_s - monotonic()
            if self._stop.wait(max(0.0, wait_s)):
                return
            self._run_step(step, client)

    def _run_step(self, step: Step, client: BedrockClient) -> None:
        job = step.job
        # Only this lane calls this operation of this model, so the reply is its own.
        self._endpoint.simulator.reply(
            step.reply, operation=job.operation, model_id=job.target, times=1
        )
        with attribution(team=job.team, app=job.app, experiment=job.experiment):
            try:
                make_call(client, step)
            except client.exceptions.ClientError:
                return  # Planned: the record has it.
