"""Who may import whom: the arrows between the parts of depth_ros, read from the sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "depth_ros"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A part is the first name under depth_ros. Each may import itself, arrays, errors, depth_ros (for
# its version) and the parts listed here; "part.module" allows that module alone.
ARROWS = {
    "depth_ros": {"estimator", "geometry.camera", "scale.anchors"},
    "arrays": set[str](),
    "errors": set[str](),
    "nearest": set[str](),
    "frame_tree": set[str](),
    "config": {"nearest"},
    "share": set[str](),
    "topic_names": set[str](),
    "input_files": set[str](),
    "yaml_file": {"input_files"},
    "output_paths": {"input_files"},
    "transport": {"share"},
    # Inside the constructors of Camera that read what ROS writes.
    "geometry": {"calibration", "messages.cameras"},
    "profile": set[str](),
    "runtimes": {"input_files"},
    "messages": {"geometry", "config"},
    "calibration": {"config", "geometry", "messages", "yaml_file"},
    # A file's metadata are read where files are executed.
    "models": {"geometry", "input_files", "nearest", "runtimes.graph", "runtimes.onnx_file"},
    "export": {"geometry", "models", "output_paths", "runtimes"},
    "scale": {"geometry"},
    "anchor_messages": {"geometry", "messages", "scale"},
    "ground_frame": {"config", "pipeline.place", "scale"},
    "pipeline": {"geometry", "config", "models", "profile", "runtimes", "scale"},
    "engine": {"pipeline", "scale"},
    "outputs": {"geometry", "messages", "pipeline"},
    "estimator": {"config", "engine", "geometry", "ground_frame", "pipeline", "runtimes", "scale"},
    "infer": {
        "calibration",
        "config",
        "estimator",
        "evaluation.picture",
        "geometry",
        "input_files",
        "viz",
        "messages",
        "output_paths",
    },
    "training": {"geometry", "input_files", "models", "output_paths", "evaluation.metrics"},
    "navigation": {"share", "yaml_file"},
    "node_process": {"transport"},
    "drive": {
        "navigation",
        "training.rooms",
        "training.scenes",
        "geometry.camera",
        "messages",
        "bag.reader",
        "bag.types",
        "bag.writer",
        "models",
        "evaluation.picture",
        "viz.animation",
        "node_process",
        "output_paths",
        "share",
    },
    "evaluation": {
        "geometry",
        "input_files",
        "pipeline",
        "config",
        "scale",
        "messages",
        "bag.calibrations",
        "bag.decoder",
        "bag.losses",
        "bag.pairs",
        "bag.reader",
        "bag.references",
        "engine",
        "ground_frame",
        "bag.topics",
        "training.scenes",
        "training.render",
    },
    "viz": {
        "geometry",
        "config",
        "bag",
        "messages",
        "profile",
        "topic_names",
        "evaluation.picture",
    },
    "ros": {
        "engine",
        "frame_tree",
        "ground_frame",
        "outputs",
        "pipeline",
        "profile",
        "runtimes",
        "messages",
        "anchor_messages",
        "calibration",
        "config",
        "geometry",
        "models",
        "scale",
        "bag",
        "topic_names",
        "transport",
        "yaml_file",
    },
    "bag": {
        "engine",
        "frame_tree",
        "ground_frame",
        "outputs",
        "pipeline",
        "messages",
        "anchor_messages",
        "calibration",
        "config",
        "geometry",
        "input_files",
        "models",
        "runtimes",
        "scale",
        "topic_names",
        "yaml_file",
    },
}
ALL_BUT_ROS = set(ARROWS) - {"ros"}
ARROWS["demo"] = ALL_BUT_ROS | {"cli"}
ARROWS["cli"] = ALL_BUT_ROS | {"demo"}

# Only the part "ros" needs a ROS installation.
ROS = {
    "ament_index_python",
    "builtin_interfaces",
    "cv_bridge",
    "launch",
    "launch_ros",
    "message_filters",
    "rcl_interfaces",
    "rclpy",
    "sensor_msgs_py",
    "tf2_ros",
}
# Seconds to import: `depth_ros --help` must not wait for them.
HEAVY = {"cv2", "torch", "transformers"}


def imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that one import statement imports, as far as they may be modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, f"line {node.lineno}: a relative import"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(part: str, name: str) -> bool:
    """Whether a module of this part may import this name."""
    root, *rest = name.split(".")
    if root in ROS or root.endswith("_msgs"):
        return part == "ros"
    if root != "depth_ros" or not rest or rest == ["__version__"]:
        return True
    return not {rest[0], ".".join(rest[:2])}.isdisjoint({part, "arrays", "errors"} | ARROWS[part])


def violations(part: str, source: str) -> list[str]:
    """The names that a module of this part imports, anywhere in it, and may not."""
    names = (name for node in ast.walk(ast.parse(source)) for name in imported(node))
    return [name for name in names if not allowed(part, name)]


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return "depth_ros" if first == "__init__.py" else first.removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_follows_an_allowed_arrow(path: Path) -> None:
    part = part_of(path)
    assert part in ARROWS, f"{part} is new: say in ARROWS what it may import"
    assert violations(part, path.read_text()) == []


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        ("geometry", "import depth_ros.config"),
        ("geometry", "from depth_ros import models"),
        ("models", "def f():\n    from depth_ros.pipeline import Pipeline"),
        ("training", "from depth_ros.evaluation.run import evaluate"),
        ("training", "from depth_ros.evaluation import run"),
        ("evaluation", "from depth_ros.training.train import train"),
        ("bag", "import depth_ros.ros.node"),
        ("cli", "from depth_ros.ros.main import main"),
        ("cli", "import rclpy"),
        ("messages", "from sensor_msgs.msg import Image"),
        ("pipeline", "import launch_ros.actions"),
    ],
)
def test_a_forbidden_import_is_found(part: str, statement: str) -> None:
    assert len(violations(part, statement)) == 1


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        ("geometry", "from depth_ros.errors import CameraError"),
        ("geometry", "from depth_ros.geometry.camera import Camera"),
        ("geometry", "from depth_ros import __version__"),
        ("training", "from depth_ros.evaluation.metrics import evaluate"),
        ("training", "from depth_ros.evaluation import metrics"),
        ("cli", "from depth_ros import demo"),
        ("bag", "from rosbags.typesys.stores.ros2_jazzy import sensor_msgs__msg__Image"),
        ("ros", "import rclpy.lifecycle, sensor_msgs.msg"),
    ],
)
def test_an_allowed_import_passes(part: str, statement: str) -> None:
    assert violations(part, statement) == []


def test_a_relative_import_is_found() -> None:
    with pytest.raises(AssertionError, match="relative"):
        violations("geometry", "from .camera import Camera")


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    script = f"import sys, depth_ros.cli; print({HEAVY} & sys.modules.keys())"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240
    )
    assert run.stdout.strip() == "set()"


@pytest.mark.slow
def test_the_default_model_loads_without_the_code_of_other_networks() -> None:
    code = (
        "import sys, depth_ros; depth_ros.load(device='cpu'); "
        "print(*[name for name in sys.modules if name.startswith('transformers.models.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Those that transformers itself imports.
    assert {name.split(".")[2] for name in done.stdout.split()} <= {"auto"}
