"""The node: subscribe, call the pipeline, publish, and say what goes wrong."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from depth_ros import transport
from depth_ros.errors import DepthError
from depth_ros.pipeline import Pipeline
from depth_ros.ros import extrinsics, parameters, worker
from depth_ros.ros.diagnostics import Health
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.mailbox import Mailbox
from depth_ros.ros.stream import Arrival, Stream
from depth_ros.runtimes import heap, threads

_DIAGNOSTICS_PERIOD_S = 1.0


class DepthNode(LifecycleNode):
    """Turns the images and camera_info of one or several cameras into metric depth and points.

    The executor's thread only receives; workers, each a thread, decode, infer and publish. A frame
    that cannot be answered is dropped, counted and warned of; nothing that arrives stops the node.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("depth", **kwargs)
        self.settings = parameters.declare(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.streams = [
            Stream(self, name, lambda: self.settings, self._deliver)
            for name in self.settings.cameras
        ]
        self._extrinsics: Extrinsics | None = None
        self._mailbox: Mailbox[Arrival] = Mailbox()
        self._threads, self._workers = 1, list[threading.Thread]()
        change_state = self._service_change_state
        change_state.callback = _refusing(change_state.callback)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Simulated time may stand still; the report of that must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)

    @property
    def health(self) -> Health:
        """How the first camera fares."""
        return self.streams[0].health

    # --- lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model, and announce the outputs."""
        try:
            self._threads = threads.use(self.settings.threads)
            pipeline = Pipeline.from_settings(self.settings)
            pipeline.warm_up()
            if self.settings.scale_mode != "model":
                self._extrinsics = extrinsics.create(self, lambda: self.settings)
        except Exception as error:  # whatever a model raises, the node stays and says so
            for stream in self.streams:
                stream.fail(error)
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        for number, stream in enumerate(self.streams):
            stream.configure(pipeline.twin() if number else pipeline, self._extrinsics)
        self._introduce(pipeline)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and start to answer."""
        try:
            self._start()
        except Exception as error:  # rclpy says nothing of it
            self.get_logger().error(f"cannot activate: {error}")
            raise
        return super().on_activate(state)

    def _start(self) -> None:
        self._mailbox = Mailbox()
        pipeline = self.streams[0].pipeline
        assert pipeline is not None
        count = worker.count_for(pipeline, len(self.streams), self._threads)
        self._workers = [
            threading.Thread(target=self._work, args=(pipeline, count), name="depth", daemon=True)
            for _ in range(count)
        ]
        for each in self._workers:
            each.start()
        for stream in self.streams:
            stream.start()

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and stop after the frame at hand."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the outputs back and forget the model."""
        self._stop()
        for stream in self.streams:
            stream.clean_up()
        if self._extrinsics is not None:
            self._extrinsics.destroy()
        self._extrinsics = None
        torch.cuda.empty_cache()  # else the process keeps the model's memory; nothing without CUDA
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start afresh after a transition that failed half-way."""
        return self.on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, from whatever state."""
        return self.on_cleanup(state)

    def autostart(self) -> None:
        """Configure and activate, unless the settings leave that to a lifecycle manager."""
        if not self.settings.autostart:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _introduce(self, pipeline: Pipeline) -> None:
        """Say once what runs, under which licence, and what its numbers are."""
        entry = pipeline.model.entry
        allowed = "commercial use allowed" if entry.commercial else "NO commercial use"
        text = f"model {entry.name} ({entry.licence}, {allowed}) runs on {pipeline.runtime.device}"
        logger = self.get_logger()
        (logger.info if entry.commercial else logger.warning)(f"{text} in {pipeline.dtype}")
        if not pipeline.metric:
            logger.warning(
                f"{entry.name} gives {entry.output.value}, no metres: only depth/relative is "
                "published; say scale_mode:=ground or scale_mode:=anchors for depth and points"
            )

    def _stop(self) -> None:
        for stream in self.streams:
            stream.stop()
        self._mailbox.close()
        for each in self._workers:
            each.join()
        self._workers = []

    # --- the executor's thread

    def _deliver(self, arrival: Arrival) -> bool:
        return self._mailbox.put(arrival, arrival.stream.name)

    def _on_set_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        self.settings, result = parameters.changed(self.settings, changes)
        for stream in self.streams:
            if stream.pipeline is not None:
                stream.pipeline.settings = self.settings
        return result

    def _publish_diagnostics(self) -> None:
        active = bool(self._workers)
        report = DiagnosticArray(status=[stream.status(active) for stream in self.streams])
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)

    # --- the workers' threads

    def _work(self, pipeline: Pipeline, count: int) -> None:
        """Answer what waits: all of it at once, or, beside other workers, image by image."""
        mailbox, most = self._mailbox, 1 if count > 1 else None
        threads.share(self._threads, count)
        while True:
            with mailbox.take(most) as arrivals:
                if arrivals is None:
                    return
                worker.answer(arrivals, pipeline, self.context.ok)


def _refusing(change_state: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Answer "no" to a transition that the state does not have; rclpy lets it end the node."""

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except RuntimeError:  # rclpy's RCLError; rcl has logged it
            response.success = False
            return response

    return answer


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; exit code 1 when its arguments cannot be used."""
    heap.one_for_all()  # before ROS begins its threads
    os.environ.update(transport.environment())
    try:
        rclpy.init(args=args)
        node = DepthNode()
    except (DepthError, RuntimeError) as error:  # RuntimeError: what rclpy makes of bad arguments
        print(f"depth_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        node.autostart()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else a callback was interrupted by the end of its context
            raise
    finally:
        _stop(node)
    return 0


def _stop(node: DepthNode) -> None:
    # A second Ctrl-C, as launch sends it, must not cut the teardown short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node.on_cleanup(LifecycleState("finalized", 0))
    node.destroy_node()
    rclpy.try_shutdown()
    # Nor must launch lose its patience while Python looks for garbage in torch.
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
