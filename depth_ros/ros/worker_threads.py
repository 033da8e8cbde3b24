"""The threads that process the node's images and publish the outputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from rclpy.node import Node

from depth_ros.pipeline import Pipeline
from depth_ros.ros import worker
from depth_ros.ros.flights import Flights
from depth_ros.ros.job import QueuedImage
from depth_ros.ros.mailbox import Mailbox
from depth_ros.ros.parameters import LiveSettings
from depth_ros.ros.supervisor import Supervisor, Worker
from depth_ros.runtimes import threads

# How long a stop waits for the current frame, and the minimum of that time that is left for
# publishing.
_STOP_S = 3.0
_LAND_S = 1.0


class WorkerThreads:
    """Workers that decode, infer and publish; on a GPU a separate thread publishes.

    Args:
        node: its context and logger are used.
        live: the settings of the next image.
        give_up: called with the error if workers end repeatedly, see Supervisor.
        wake: called when a worker has ended; check() must follow.
    """

    def __init__(
        self,
        node: Node,
        live: LiveSettings,
        give_up: Callable[[BaseException], None],
        wake: Callable[[], None],
    ) -> None:
        self._node, self._live = node, live
        self._mailbox = Mailbox(QueuedImage.replace)
        self._flights: Flights[worker.Flight] = Flights(worker.IN_FLIGHT)
        self._pipeline: Pipeline | None = None
        self._overlapped, self._threads = False, 1
        tell = (give_up, node.get_logger().error, wake)
        self._working = Supervisor(self._work, *tell)
        self._publishing = Supervisor(self._publish, *tell, role="publisher")

    def start(self, pipeline: Pipeline, cameras: int, threads: int) -> None:
        """Start the threads.

        Args:
            pipeline: of one of the cameras; they share its network and its profile.
            cameras: their number.
            threads: CPU threads for all of them.
        """
        self._mailbox = Mailbox(QueuedImage.replace)
        self._flights = Flights(worker.IN_FLIGHT)
        self._pipeline, self._threads = pipeline, threads
        self._overlapped = worker.overlaps(pipeline)
        self._publishing.start(int(self._overlapped))
        self._working.start(worker.count_for(pipeline, cameras, threads))

    def deliver(self, image: QueuedImage) -> QueuedImage | None:
        """Queue an image; return the one that is discarded for it, if any."""
        return self._mailbox.put(image, image.camera.name)

    def stop(self) -> bool:
        """Stop the threads; return whether all ended, and log what the others do."""
        for image in self._mailbox.close():
            image.count_all("dropped")
        until_s = time.monotonic() + _STOP_S
        self._flights.close()
        hung = self._working.stop(_STOP_S)
        self._flights.end()  # launched frames are published
        hung += self._publishing.stop(max(_LAND_S, until_s - time.monotonic()))
        for flight in self._flights.left():
            flight.drop()
        for each in hung:
            self._node.get_logger().error(f"{each.text()}, and is abandoned")
        self._pipeline = None  # nothing keeps the model's memory
        return not hung

    def check(self) -> None:
        """Restart threads that ended; to be called periodically."""
        self._working.check()
        self._publishing.check()

    @property
    def working(self) -> bool:
        """Whether images are processed."""
        return self._working.working

    @property
    def workers(self) -> list[Worker]:
        """All threads that process frames, including those that hang."""
        return self._working.workers + self._publishing.workers

    @property
    def restarts(self) -> int:
        """Number of restarted threads."""
        return self._working.restarts + self._publishing.restarts

    def fault(self) -> str:
        """Return the error that ended a thread recently; empty if there is none."""
        return self._working.fault() or self._publishing.fault()

    def _work(self, me: Worker) -> None:
        """Process waiting images: all at once, or one by one if there are other workers."""
        mailbox, flights, count = self._mailbox, self._flights, self._working.count
        pipeline, wanted = self._serve(me)
        threads.use_share(self._threads, count)
        place = flights.place if self._overlapped else nullcontext
        while True:
            with place(), mailbox.take(1 if count > 1 else None) as images:
                if images is None:
                    return
                with me.busy():
                    facts = (images, pipeline, self._live.settings, wanted)
                    if not self._overlapped:
                        worker.answer(*facts)
                    elif (flight := worker.launch(*facts)) and not flights.put(flight):
                        flight.drop()

    def _publish(self, me: Worker) -> None:
        """Publish launched frames in order, each as soon as its download ends."""
        flights = self._flights
        pipeline, wanted = self._serve(me)
        while True:
            with flights.take() as flight:
                if flight is None:
                    return
                with me.busy():
                    worker.publish(flight, pipeline.profile, wanted)

    def _serve(self, me: Worker) -> tuple[Pipeline, Callable[[], bool]]:
        """Return a thread's pipeline, and a function: whether its results are still needed."""
        pipeline, context = self._pipeline, self._node.context
        assert pipeline is not None
        profile = pipeline.profile
        me.stage = lambda: profile.stage_of(me.ident)
        return pipeline, lambda: bool(context.ok()) and not me.abandoned
