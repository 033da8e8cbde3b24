"""The node: subscribes, runs the pipeline, publishes, and reports errors."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import torch
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from depth_ros import calibration
from depth_ros.config import Settings
from depth_ros.errors import DepthError
from depth_ros.pipeline import Pipeline, check
from depth_ros.ros import extrinsics, transitions, worker
from depth_ros.ros.camera import NodeCamera
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.health import Health
from depth_ros.ros.introduction import introduce
from depth_ros.ros.node_diagnostics import NodeDiagnostics
from depth_ros.ros.parameters import LiveSettings
from depth_ros.ros.recovery import Recovery
from depth_ros.ros.watch import BEAT_S, Watch
from depth_ros.ros.worker_threads import WorkerThreads
from depth_ros.runtimes import threads


class DepthNode(LifecycleNodeMixin, Node):
    """Converts the images and camera_info of one or several cameras to metric depth and points.

    The executor's thread only receives. Worker threads decode, infer and publish; on a GPU a
    separate thread publishes while a worker launches the next frame. A frame that cannot be
    processed is dropped, counted and logged; no input stops the node. Lifecycle transitions have
    their own threads, and so has the watchdog, which supervises the workers and publishes
    diagnostics. So any executor works, and none is blocked.

    Attributes:
        cameras: those of the settings.
        ended: a future; its result is the cause if a node with autostart cannot continue.
    """

    def __init__(self, **kwargs: Any) -> None:
        arguments = [*(kwargs.get("cli_args") or ())]
        if kwargs.get("use_global_arguments", True):
            arguments += sys.argv
        overrides = {"automatically_declare_parameters_from_overrides": True, **kwargs}
        Node.__init__(self, "depth", **overrides)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        transitions.run_beside_the_executor(self)
        self._recovery = Recovery(self)
        self.ended = self._recovery.ended
        self._live = LiveSettings(self, arguments)
        self._watch = Watch(self._look, self.get_logger().error)
        tell = (self._recovery.give_up, self._watch.wake)
        self._workers = WorkerThreads(self, self._live, *tell)
        self.cameras = [
            NodeCamera(self, name, self.settings, self._workers.deliver)
            for name in self.settings.cameras
        ]
        about = (self._live, self.cameras, self._workers, self._watch)
        self._diagnostics = NodeDiagnostics(self, *about)
        self._extrinsics: Extrinsics | None = None
        self._threads = 1
        # Simulated time may stop; the diagnostics that report it must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(BEAT_S, self._beat, clock=steady)
        self._watch.start()

    @property
    def settings(self) -> Settings:
        """The present settings."""
        return self._live.settings

    @property
    def health(self) -> Health:
        """Health of the first camera."""
        return self.cameras[0].health

    def destroy_node(self) -> None:
        """Destroy the node; the workers must be stopped before."""
        self._watch.close()
        super().destroy_node()

    # --- lifecycle

    @transitions.guarded("configure")
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model, and announce the outputs."""
        try:
            with self._diagnostics.loading():
                pipeline = self._loaded()
        # On any error of a model, even SystemExit, the node stays alive and reports it.
        except (Exception, SystemExit) as error:
            self.tell("configure", error)
            return TransitionCallbackReturn.FAILURE
        for number, camera in enumerate(self.cameras):
            own = pipeline.fork() if number else pipeline
            camera.configure(own, self._extrinsics, worker.overlaps(pipeline))
        introduce(pipeline, self.get_logger())
        return TransitionCallbackReturn.SUCCESS

    def tell(self, what: str, error: BaseException) -> None:
        """Report what failed, and why."""
        self.fail(error)
        self.get_logger().error(f"cannot {what}: {self.health.last_error}")

    def _loaded(self) -> Pipeline:
        self._recovery.lost = None
        calibration.check(self.settings)  # now, not at the first image
        self._threads = threads.use(self.settings.threads)
        pipeline = Pipeline.from_settings(self.settings)
        pipeline.warm_up()
        self._live.model = pipeline.model
        try:
            check(pipeline.model, self.settings)  # settings may have changed meanwhile
            # Parameters cost nothing; TF is subscribed to only if it is needed.
            if self.settings.scale_mode != "model" or self.settings.extrinsics == "parameters":
                self._extrinsics = extrinsics.create(self, self.settings)
        except DepthError:
            self._live.model = None
            raise
        return pipeline

    @transitions.guarded("activate")
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and start to process images."""
        super().on_activate(state)  # enables the publishers
        pipeline = self.cameras[0].pipeline
        assert pipeline is not None
        self._workers.start(pipeline, len(self.cameras), self._threads)
        for camera in self.cameras:
            camera.start()
        return TransitionCallbackReturn.SUCCESS

    @transitions.guarded("deactivate")
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, and stop after the current frame.

        If the frame takes longer than some seconds, the transition fails and the node becomes
        unconfigured, because the model cannot be used any longer. The same happens if workers end
        repeatedly, which also triggers this transition.
        """
        if not self._stop() or self._recovery.lost is not None:
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    @transitions.guarded("clean up")
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Destroy the outputs and release the model."""
        stopped = self._stop()
        for camera in self.cameras:
            camera.clean_up()
        if self._extrinsics is not None:
            self._extrinsics.destroy()
        self._extrinsics, self._live.model = None, None
        if stopped and not self._workers.workers:
            with suppress(RuntimeError):  # from a lost device
                # Else the process keeps the model's memory. No effect without CUDA.
                torch.cuda.empty_cache()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up after a failed transition."""
        self.on_cleanup(state)
        if self._recovery.lost is not None:
            self.fail(self._recovery.lost)
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, from any state."""
        return self.on_cleanup(state)

    def autostart(self) -> None:
        """Configure and activate, see Recovery.autostart()."""
        self._recovery.autostart()

    def fail(self, error: BaseException) -> None:
        """Record that no model is available."""
        for camera in self.cameras:
            camera.fail(error)

    def _stop(self) -> bool:
        """Stop the cameras and the workers; return whether all threads ended."""
        for camera in self.cameras:
            camera.stop()
        return self._workers.stop()

    # --- the executor's thread

    def _beat(self) -> None:
        self._watch.beat()
        if self._workers.working:
            self._find_extrinsics()
            for camera in self.cameras:
                camera.tend()

    def _find_extrinsics(self) -> None:
        """Subscribe to TF if topics with subscribers need it."""
        lacking = [camera for camera in self.cameras if camera.needs_extrinsics]
        if lacking and self._extrinsics is None:
            self._extrinsics = extrinsics.create(self, self.settings)
        for camera in lacking:
            camera.extrinsics = self._extrinsics

    # --- the watchdog's thread

    def _look(self) -> None:
        if not self.context.ok():
            return
        self._workers.check()
        self._diagnostics.update()
