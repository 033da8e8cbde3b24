"""A camera, a consumer and the depth node between them, over real DDS."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros import transport
from depth_ros.config import FIELDS, Settings
from depth_ros.geometry.camera import Camera
from test.dds_profile import write

with suppress(ImportError):  # where there is no ROS 2, the modules of this folder skip themselves
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rcl_interfaces.msg import Log
    from rcl_interfaces.srv import SetParametersAtomically
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.parameter import Parameter
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
    from std_msgs.msg import Header

if TYPE_CHECKING:
    from depth_ros.ros.node import DepthNode

Bytes = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]
Found = TypeVar("Found")

TIMEOUT_S = 120.0  # for what takes a moment, on a machine that is busy with much else
START_NS = 1_700_000_000_000_000_000
LOG = "/rosout"
FRAME_ID = "camera_optical_frame"
# Neither square nor centred: mixing up an axis shows.
CAMERA = Camera(80, 60, 70.0, 73.0, 37.5, 31.25)
LENS = replace(CAMERA, lens="plumb_bob", coefficients=(-0.2, 0.03, 0.001, -0.002, 0.0))


@dataclass(frozen=True)
class Shot:
    """An image of a calibrated camera, and the messages that a driver makes of it."""

    rgb: Bytes
    camera: Camera
    stamp_ns: int
    frame_id: str = FRAME_ID

    def header(self) -> Header:
        header = Header(frame_id=self.frame_id)
        header.stamp.sec, header.stamp.nanosec = divmod(self.stamp_ns, 10**9)
        return header

    def image(self) -> Image:
        height, width, channels = self.rgb.shape
        return Image(
            header=self.header(),
            height=height,
            width=width,
            encoding="rgb8",
            step=width * channels,
            data=array("B", self.rgb.tobytes()),
        )

    def info(self) -> CameraInfo:
        camera = self.camera
        k = camera.matrix
        return CameraInfo(
            header=self.header(),
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob" if camera.lens == "none" else camera.lens,
            d=list(camera.coefficients or (0.0,) * 5),
            k=k.ravel(),
            r=np.eye(3).ravel(),
            p=np.hstack([k, np.zeros((3, 1))]).ravel(),
        )


def take(number: int = 0, camera: Camera = CAMERA) -> Shot:
    """Return the picture of a number: colours that run and are noisy, 0.1 s after the last."""
    rng = np.random.default_rng(number)
    v, u = np.mgrid[: camera.height, : camera.width]
    ramps = np.stack([u / camera.width, v / camera.height, (u + v + number) % 32 / 32], axis=-1)
    rgb = (200 * ramps + rng.integers(0, 56, ramps.shape)).astype(np.uint8)
    return Shot(rgb, camera, START_NS + number * 100_000_000)


class Gate:
    """Stands before the network: counts its runs, holds them up, lets them fail, speaks for it."""

    def __init__(self) -> None:
        self.runs = 0
        self.instead: Any = None  # the network's output, where it is not to run
        self.failure: Exception | None = None
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.opened.set()

    def pass_through(self) -> None:
        self.runs += 1
        self.entered.set()
        assert self.opened.wait(TIMEOUT_S)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.entered.clear()
        self.opened.clear()

    def open(self) -> None:
        self.opened.set()


class Peer:
    """A camera's driver and a consumer in one: publishes, listens, calls, and waits."""

    def __init__(self, context: rclpy.Context) -> None:
        self.ros = rclpy.create_node("peer", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.ros)
        self._publishers: dict[str, Any] = {}
        self._subscriptions: dict[str, Any] = {}
        self.received: dict[str, list[Any]] = defaultdict(list)

    def wait(self, condition: Callable[[], Found], what: str = "what was asked for") -> Found:
        """Spin until a condition holds, and return its value."""
        until_s = time.monotonic() + TIMEOUT_S
        while not (value := condition()):
            assert time.monotonic() < until_s, f"{what} did not come within {TIMEOUT_S:g} s"
            self._executor.spin_once(timeout_sec=0.02)
        return value

    def publish(self, topic: str, message: Any) -> None:
        """Publish to somebody: waits for a subscriber of the topic."""
        if topic not in self._publishers:
            self._publishers[topic] = self.ros.create_publisher(type(message), topic, 10)
        publisher = self._publishers[topic]
        self.wait(publisher.get_subscription_count, f"a subscriber of {topic}")
        publisher.publish(message)

    def listen(self, *topics: str, best_effort: bool = False) -> None:
        """Keep what comes on topics of the node."""
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        if best_effort:
            qos.reliability = ReliabilityPolicy.BEST_EFFORT
        for topic in topics:
            (kind,) = {kind for name, kind in _kinds().items() if topic.endswith(name)}
            keep = self.received[topic].append
            self._subscriptions[topic] = self.ros.create_subscription(kind, topic, keep, qos)

    def leave(self, topic: str) -> None:
        """Listen to a topic no longer."""
        self.ros.destroy_subscription(self._subscriptions.pop(topic))

    def answers(self, stamp_ns: int) -> dict[str, Any]:
        """Return what has come with a stamp, by topic."""
        found = {
            topic: [message for message in messages if stamp_of(message) == stamp_ns]
            for topic, messages in self.received.items()
        }
        return {topic: messages[-1] for topic, messages in found.items() if messages}

    def call(self, kind: Any, service: str, request: Any) -> Any:
        """Call a service and return its response."""
        client = self.ros.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        future = client.call_async(request)
        self.wait(future.done, f"the response of {service}")
        self.ros.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self._executor.shutdown()
        self.ros.destroy_node()


def _kinds() -> dict[str, type]:
    return {
        "depth/image": Image,
        "depth/camera_info": CameraInfo,
        "depth/color": Image,
        "depth/relative": Image,
        "depth/confidence": Image,
        "points": PointCloud2,
        "points/nav": PointCloud2,
        "scan": LaserScan,
        "depth/uncertainty": Image,
        "/diagnostics": DiagnosticArray,
        LOG: Log,
    }


def stamp_of(message: Any) -> int:
    stamp = message.stamp if hasattr(message, "stamp") else message.header.stamp
    nanoseconds: int = stamp.sec * 10**9 + stamp.nanosec
    return nanoseconds


class Bench:
    """A depth node in an executor's thread of its own, and a peer of it.

    Each node has a name of its own, unless it is given one: rclpy keeps a lifecycle node's name,
    and its log, until the garbage collector finds it.
    """

    _numbers = itertools.count()

    def __init__(self, context: rclpy.Context, checkpoint: Path, gate: Gate) -> None:
        self.peer, self.gate = Peer(context), gate
        self._context, self._checkpoint = context, checkpoint
        self._executor = SingleThreadedExecutor(context=context)
        self._closing = threading.Event()
        self.spinner = threading.Thread(target=self._spin, daemon=True)
        self._node: DepthNode | None = None

    def start(
        self, *listen_to: str, namespace: str = "", arguments: tuple[str, ...] = (), **settings: Any
    ) -> DepthNode:
        """Start a node with settings, and listen to outputs of it."""
        from depth_ros.ros.node import DepthNode

        settings = {"model": str(self._checkpoint), **settings}
        self._node = node = DepthNode(
            context=self._context,
            namespace=namespace,
            cli_args=["--ros-args", *arguments, "-r", f"__node:=depth_{next(self._numbers)}"],
            use_global_arguments=False,
            parameter_overrides=[parameter(*each) for each in settings.items()],
        )
        node.autostart()
        self._executor.add_node(node)
        self.spinner.start()
        self.listen(*listen_to)
        return node

    @property
    def node(self) -> DepthNode:
        assert self._node is not None, "start() comes first"
        return self._node

    def _spin(self) -> None:
        with suppress(SystemExit):  # of kill()
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=0.05)

    def listen(self, *topics: str) -> None:
        """Listen to outputs of the node, until the node knows."""
        self.peer.listen(*topics)
        for topic in {*topics} - {LOG}:  # rcl's own, its publisher cannot be asked
            self.peer.wait(partial(self.listeners, topic), f"a match on {topic}")

    def leave(self, topic: str) -> None:
        """Listen to an output no longer, until the node knows."""
        self.peer.leave(topic)
        self.peer.wait(lambda: self.listeners(topic) == 0, f"the end of the match on {topic}")

    def listeners(self, topic: str) -> int:
        """Return how many listeners the node sees on one of its topics."""
        name = self.node.resolve_topic_name(topic)
        return sum(
            publisher.get_subscription_count()
            for publisher in self.node.publishers
            if publisher.topic_name == name
        )

    def total(self, event: str) -> int:
        """Return how often the node counted an event."""
        return self.node.health.total(event)

    def deliver(self, topic: str, message: Any, event: str) -> None:
        """Publish a message, until the node has counted it."""
        before = self.total(event)
        self.peer.publish(topic, message)
        self.peer.wait(lambda: self.total(event) > before, f"the arrival of {topic}")

    def show(self, shot: Shot, image: Any = None) -> None:
        """Deliver a shot's camera_info, then its image or another one that stands in for it."""
        self.deliver("camera_info", shot.info(), "camera_info")
        self.deliver("image", image or shot.image(), "image")

    def ask(self, shot: Shot, image: Any = None) -> dict[str, Any]:
        """Show a shot and return the answers on all topics that were listened to, by topic."""
        self.show(shot, image)
        return self.answers(shot)

    def answers(self, shot: Shot) -> dict[str, Any]:
        """Wait for the answers to a shot on all topics that are listened to."""
        wanted = {topic for topic in self.peer.received if not topic.startswith("/")}
        wanted &= self.peer._subscriptions.keys()
        self.peer.wait(
            lambda: wanted <= self.peer.answers(shot.stamp_ns).keys(), f"an answer on {wanted}"
        )
        return self.peer.answers(shot.stamp_ns)

    def warning(self, *words: str) -> str:
        """Wait for a warning in the log that has all these words, and return it."""

        def found() -> list[str]:
            logs = [log.msg for log in self.peer.received[LOG] if log.level >= 30]
            return [text for text in logs if all(word in text for word in words)]

        return self.peer.wait(found, f"a warning of {words}")[0]

    def said(self, words: str) -> None:
        """Wait for a line of the log, of any level, that has these words."""
        self.peer.wait(lambda: any(words in log.msg for log in self.peer.received[LOG]), words)

    def report(self, condition: Callable[[Any], bool] = lambda status: True) -> Any:
        """Wait for a new diagnostic status that fulfils a condition, and return it."""
        reports = self.peer.received["/diagnostics"]
        reports.clear()

        def found() -> list[Any]:
            statuses = [report.status[0] for report in reports]
            return [status for status in statuses if condition(status)]

        try:
            return self.peer.wait(found)[0]
        except AssertionError:
            raise AssertionError(f"the last report is {reports[-1:]}") from None

    def close(self) -> None:
        self.gate.open()
        self._closing.set()
        if self.spinner.is_alive():
            self.spinner.join()
        self._executor.shutdown()
        if self._node is not None:
            self._node.on_cleanup(None)
            self._node.destroy_node()
        self.peer.close()


class Process:
    """A command in a process and a group of its own, as a terminal starts it, logged to a file."""

    def __init__(self, command: list[str], log: Path, **variables: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                env={**os.environ, **variables},
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        return self.popen.wait(TIMEOUT_S)

    def stop(self, *signals: signal.Signals) -> int:
        """Send signals to the group, one after the other, and return the exit code."""
        for number in signals:
            os.killpg(self.popen.pid, number)
        return self.wait()

    def close(self) -> None:
        """End the group if it still runs: in peace, so that it takes back its shared memory."""
        for number in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.popen.pid, number)
                self.popen.wait(TIMEOUT_S / 4)


@contextmanager
def started() -> Iterator[rclpy.Context]:
    """ROS in the domain of this process, until the end of the block."""
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture(scope="session")
def dds(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fast DDS with its default transports: it reads its profile once, for the first node."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("log")))
        with pytest.MonkeyPatch.context() as first, started() as context:
            first.setenv(transport.VARIABLE, str(write(tmp_path_factory.mktemp("dds"))))
            rclpy.create_node("reads_the_profile", context=context).destroy_node()
        yield


@pytest.fixture(scope="session")
def context(dds: None) -> Iterator[rclpy.Context]:
    """ROS for the nodes of this process."""
    with started() as context:
        yield context


@pytest.fixture
def peer(dds: None) -> Iterator[Peer]:
    """A camera and consumer for a node in another process.

    Its context is new: Fast DDS tells a process that it finds of every publisher and subscription
    that a context ever had, which takes seconds for that of hundreds of tests.
    """
    with started() as context:
        peer = Peer(context)
        yield peer
        peer.close()


@pytest.fixture
def main(
    context: rclpy.Context, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[list[str]], int]]:
    """The node's main(), as if this process were the node's; what it changes is changed back."""
    from depth_ros.ros import main as process

    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "")
    handler = signal.getsignal(signal.SIGINT)
    yield process.main
    signal.signal(signal.SIGINT, handler)
    gc.unfreeze()


@pytest.fixture
def bench(
    context: rclpy.Context, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A depth node, once it is started, and a peer of it."""
    from depth_ros.ros import node_diagnostics
    from depth_ros.runtimes.torch_runtime import TorchRuntime

    gate, run = Gate(), TorchRuntime.__call__

    def guarded(runtime: TorchRuntime, *inputs: Any) -> Any:
        gate.pass_through()
        return run(runtime, *inputs) if gate.instead is None else gate.instead

    monkeypatch.setattr(TorchRuntime, "__call__", guarded)
    monkeypatch.setattr(node_diagnostics, "_PERIOD_S", 0.1)  # tests wait for several
    bench = Bench(context, checkpoint, gate)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def relative(built: Callable[[str], Path]) -> str:
    """A small checkpoint whose depth has no scale."""
    return str(built("depth-anything"))


class Reference(Protocol):
    """Returns the depth [m] that a node with some settings must find in a shot."""

    def __call__(self, shot: Shot, **settings: Any) -> Metres: ...


@pytest.fixture(scope="session")
def reference(checkpoint: Path) -> Reference:
    """The pipeline, without ROS."""
    from depth_ros.pipeline import Frame, Pipeline

    pipeline = Pipeline.from_settings(Settings(model=str(checkpoint)))

    def estimate(shot: Shot, **settings: Any) -> Metres:
        pipeline.settings = Settings(model=str(checkpoint), **settings)
        depth: Metres = pipeline(Frame(shot.rgb, shot.camera)).depth_m.cpu().numpy()
        assert np.nanstd(depth[np.isfinite(depth)]) > 0.1, "nothing to compare: depth is constant"
        return depth

    return estimate


@pytest.fixture(scope="session")
def limits(reference: Reference) -> dict[str, Any]:
    """Settings that cut off what is nearest and what is farthest in the first picture."""
    near_m, far_m = np.nanquantile(reference(take()), [0.2, 0.8])
    return {"min_depth_m": float(near_m), "max_depth_m": float(far_m)}


def parameter(name: str, value: Any) -> Parameter:
    """A setting by its name in Python, or another parameter."""
    return Parameter(FIELDS[name].name if name in FIELDS else name, value=value)


def set_parameters(bench: Bench, **values: Any) -> str:
    """Set parameters at once, as another process would; return why not, or nothing."""
    parameters = [parameter(*each).to_parameter_msg() for each in values.items()]
    request = SetParametersAtomically.Request(parameters=parameters)
    service = f"{bench.node.get_fully_qualified_name()}/set_parameters_atomically"
    result = bench.peer.call(SetParametersAtomically, service, request).result
    assert result.successful != bool(result.reason)
    return str(result.reason)


def compressed(shot: Shot, suffix: str = ".png") -> CompressedImage:
    """Return a shot's image as compressed_image_transport sends it."""
    import cv2

    data = cv2.imencode(suffix, shot.rgb[..., ::-1])[1]
    name = {".png": "png", ".jpg": "jpeg"}[suffix]
    return CompressedImage(
        header=shot.header(),
        format=f"rgb8; {name} compressed bgr8",
        data=array("B", data.tobytes()),
    )
