"""The node: subscribes, runs the pipeline, publishes, and reports errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.task import Future

from depth_ros import calibration
from depth_ros.config import SPECS
from depth_ros.errors import DepthError, ModelError, SettingError
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline import Pipeline, check
from depth_ros.ros import extrinsics, parameters, transitions, worker
from depth_ros.ros.camera import NodeCamera
from depth_ros.ros.diagnostics import Health, Level
from depth_ros.ros.extrinsics import Extrinsics
from depth_ros.ros.flights import Flights
from depth_ros.ros.job import QueuedImage
from depth_ros.ros.mailbox import Mailbox
from depth_ros.ros.qos import overridable
from depth_ros.ros.supervisor import Supervisor, Worker
from depth_ros.ros.watch import BEAT_S, Watch
from depth_ros.runtimes import threads

_DIAGNOSTICS_PERIOD_S = 1.0
# How long a stop waits for the current frame, and the minimum of that time that is left for
# publishing.
_STOP_S = 3.0
_LAND_S = 1.0
# A model that fails twice within this time is not loaded again.
_RECOVERY_S = 60.0
# A frame that takes this many times the usual latency is reported as slow.
_SLOW = 5.0


class DepthNode(LifecycleNodeMixin, Node):
    """Converts the images and camera_info of one or several cameras to metric depth and points.

    The executor's thread only receives. Worker threads decode, infer and publish; on a GPU a
    separate thread publishes while a worker launches the next frame. A frame that cannot be
    processed is dropped, counted and logged; no input stops the node. Lifecycle transitions have
    their own threads, and so has the watchdog, which supervises the workers and publishes
    diagnostics. So any executor works, and none is blocked.

    Attributes:
        ended: a future; its result is the cause if a node with autostart cannot continue.
    """

    def __init__(self, **kwargs: Any) -> None:
        overrides = {"automatically_declare_parameters_from_overrides": True, **kwargs}
        Node.__init__(self, "depth", **overrides)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        transitions.run_beside_the_executor(self)
        self.ended: Future = Future()
        self.settings = parameters.declare(self)
        self.add_pre_set_parameters_callback(parameters.cast)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)
        self.cameras = [
            NodeCamera(self, name, self.settings, self._deliver) for name in self.settings.cameras
        ]
        self._extrinsics: Extrinsics | None = None
        self._mailbox = Mailbox(QueuedImage.replace)
        self._flights: Flights[worker.Flight] = Flights(worker.IN_FLIGHT)
        self._overlapped = False
        self._threads = 1
        self._model: ModelFacts | None = None
        self._loading_since_s: float | None = None
        self._gave_up_s: float | None = None
        self._lost: BaseException | None = None
        diagnostics = overridable(QoSProfile(depth=10))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", **diagnostics)
        self._said: tuple[float, Level | None] = (0.0, None)
        tell = (self._give_up, self.get_logger().error, self._wake)
        self._supervisor = Supervisor(self._work, *tell)
        self._publishing = Supervisor(self._publish, *tell, role="publisher")
        self._watch = Watch(self._look, self.get_logger().error)
        # Simulated time may stop; the diagnostics that report it must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(BEAT_S, self._beat, clock=steady)
        self._watch.start()

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
        self._loading_since_s = time.monotonic()
        try:
            pipeline = self._loaded()
        # On any error of a model, even SystemExit, the node stays alive and reports it.
        except (Exception, SystemExit) as error:
            self.tell("configure", error)
            return TransitionCallbackReturn.FAILURE
        finally:
            self._loading_since_s = None
        self._overlapped = worker.overlaps(pipeline)
        for number, camera in enumerate(self.cameras):
            own = pipeline.fork() if number else pipeline
            camera.configure(own, self._extrinsics, self._overlapped)
        self._introduce(pipeline)
        return TransitionCallbackReturn.SUCCESS

    def tell(self, what: str, error: BaseException) -> None:
        """Report what failed, and why."""
        self._fail(error)
        self.get_logger().error(f"cannot {what}: {self.health.last_error}")

    def _loaded(self) -> Pipeline:
        self._lost = None
        calibration.check(self.settings)  # now, not at the first image
        self._threads = threads.use(self.settings.threads)
        pipeline = Pipeline.from_settings(self.settings)
        pipeline.warm_up()
        self._model = pipeline.model
        try:
            check(pipeline.model, self.settings)  # settings may have changed meanwhile
            # Parameters cost nothing; TF is subscribed to only if it is needed.
            if self.settings.scale_mode != "model" or self.settings.extrinsics == "parameters":
                self._extrinsics = extrinsics.create(self, self.settings)
        except DepthError:
            self._model = None
            raise
        return pipeline

    @transitions.guarded("activate")
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and start to process images."""
        super().on_activate(state)  # enables the publishers
        self._mailbox = Mailbox(QueuedImage.replace)
        self._flights = Flights(worker.IN_FLIGHT)
        pipeline = self.cameras[0].pipeline
        assert pipeline is not None
        self._publishing.start(int(self._overlapped))
        self._supervisor.start(worker.count_for(pipeline, len(self.cameras), self._threads))
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
        if not self._stop() or self._lost is not None:
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
        self._extrinsics, self._model = None, None
        if stopped and not self._workers:
            with suppress(RuntimeError):  # from a lost device
                # Else the process keeps the model's memory. No effect without CUDA.
                torch.cuda.empty_cache()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up after a failed transition."""
        self.on_cleanup(state)
        if self._lost is not None:
            self._fail(self._lost)
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, from any state."""
        return self.on_cleanup(state)

    def autostart(self) -> None:
        """Configure and activate, unless the settings leave this to a lifecycle manager.

        If it fails, the node ends, because nobody else would start it.
        """
        if not self.settings.autostart:
            return
        success = TransitionCallbackReturn.SUCCESS
        with self._told("start"):
            if self.trigger_configure() != success or self.trigger_activate() != success:
                self.ended.set_result(self.health.last_error or "it could not be activated")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Report an error of a transition thread; with autostart, end the node."""
        try:
            yield
        except (Exception, SystemExit) as error:
            if not self.context.ok():  # ROS is shutting down
                return
            self.tell(what, error)
            if self.settings.autostart:
                self.ended.set_result(self.health.last_error)

    def _fail(self, error: BaseException) -> None:
        for camera in self.cameras:
            camera.fail(error)

    def _introduce(self, pipeline: Pipeline) -> None:
        """Log once the model, its licence and the kind of its output."""
        entry = pipeline.model.entry
        allowed = "commercial use allowed" if entry.commercial else "NO commercial use"
        text = f"model {entry.name} ({entry.licence}, {allowed}) runs on {pipeline.device}"
        logger = self.get_logger()
        pipeline.notices.listen(lambda text: logger.warning(text))
        (logger.info if entry.commercial else logger.warning)(f"{text} in {pipeline.dtype}")
        if not pipeline.metric:
            logger.warning(
                f"{entry.name} gives {entry.output.value}, no metres: only depth/relative is "
                "published; say scale.mode:=ground or scale.mode:=anchors for depth and points"
            )

    def _stop(self) -> bool:
        """Stop the workers; return whether all ended, and log what the others do."""
        for camera in self.cameras:
            camera.stop()
        for image in self._mailbox.close():
            image.count_all("dropped")
        until_s = time.monotonic() + _STOP_S
        self._flights.close()
        hung = self._supervisor.stop(_STOP_S)
        self._flights.end()  # launched frames are published
        hung += self._publishing.stop(max(_LAND_S, until_s - time.monotonic()))
        for flight in self._flights.left():
            flight.drop()
        for each in hung:
            self.get_logger().error(f"{each.text()}, and is abandoned")
        return not hung

    @property
    def _workers(self) -> list[Worker]:
        """All threads that process frames, including those that hang."""
        return self._supervisor.workers + self._publishing.workers

    # --- the executor's thread

    def _deliver(self, image: QueuedImage) -> QueuedImage | None:
        return self._mailbox.put(image, image.camera.name)

    def _check_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        try:
            changed = parameters.changed(self.settings, changes)
            if self._model is not None:
                check(self._model, changed)
        except (SettingError, ModelError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take_parameters(self, changes: list[Parameter[Any]]) -> None:
        if any(each.name in SPECS for each in changes):  # rclpy declares others
            self.settings = parameters.changed(self.settings, changes)

    def _beat(self) -> None:
        self._watch.beat()
        if self._supervisor.working:
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
        self._supervisor.check()
        self._publishing.check()
        said_s, said = self._said
        due = time.monotonic() - said_s >= _DIAGNOSTICS_PERIOD_S
        fault = self._fault()
        worse = fault is not None and (said is None or said[0] != fault[0])
        if due or worse:
            self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        fault = self._fault()
        self._said = time.monotonic(), fault
        state = "" if self._supervisor.working else self._state()
        facts = (state, fault, self._supervisor.restarts + self._publishing.restarts)
        report = DiagnosticArray(status=[camera.status(*facts) for camera in self.cameras])
        if told := calibration.guess(self.settings):
            for status in report.status:
                status.values.append(KeyValue(key="camera", value=told))
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)

    def _state(self) -> str:
        since_s = self._loading_since_s
        if since_s is None:
            return "not active"
        return f"loading model {self.settings.model} for {time.monotonic() - since_s:.0f} s"

    def _fault(self) -> Level | None:
        """Return the fault of the node's own threads, if any."""
        text = self._watch.fault() or self._supervisor.fault() or self._publishing.fault()
        if text:
            return DiagnosticStatus.ERROR, text
        usual_s = max(camera.health.latency_ms()[1] for camera in self.cameras) / 1e3
        limit_s = max(self.settings.stale_after_s, _SLOW * usual_s)
        for each in self._workers:
            if each.abandoned:
                return DiagnosticStatus.ERROR, f"{each.text()}, and is abandoned"
            if each.busy_s > limit_s:
                return DiagnosticStatus.WARN, each.text()
        return None

    def _give_up(self, error: BaseException) -> None:
        """Deactivate, and with autostart load the model again, once."""
        if self._lost is not None:  # workers and publishers share one cause
            return
        self._lost = error
        self._fail(error)
        threading.Thread(target=self._recover, args=(error,), name="depth transition").start()

    def _recover(self, error: BaseException) -> None:
        with self._told("recover"):
            with suppress(RuntimeError):  # rclpy's RCLError: already being deactivated
                self.trigger_deactivate()
            now_s, before_s = time.monotonic(), self._gave_up_s
            self._gave_up_s = now_s
            if not self.settings.autostart:
                return
            if before_s is not None and now_s - before_s < _RECOVERY_S:
                self.ended.set_result(f"{type(error).__name__}: {error}")
                return
            self.autostart()

    # --- the workers' threads

    def _wake(self) -> None:
        self._watch.wake()

    def _work(self, me: Worker) -> None:
        """Process waiting images: all at once, or one by one if there are other workers."""
        mailbox, flights, count = self._mailbox, self._flights, self._supervisor.count
        pipeline, wanted = self._serve(me)
        threads.use_share(self._threads, count)
        place = flights.place if self._overlapped else nullcontext
        while True:
            with place(), mailbox.take(1 if count > 1 else None) as images:
                if images is None:
                    return
                with me.busy():
                    facts = (images, pipeline, self.settings, wanted)
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
        pipeline = self.cameras[0].pipeline
        assert pipeline is not None
        profile = pipeline.profile
        me.stage = lambda: profile.stage_of(me.ident)
        return pipeline, lambda: bool(self.context.ok()) and not me.abandoned
