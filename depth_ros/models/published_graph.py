"""Networks published by their authors as ONNX files, and executed unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models import hub
from depth_ros.models.base import Family, ModelEntry, NetworkFacts, Raw
from depth_ros.models.exported import Exported
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.runtimes import onnx_file
from depth_ros.runtimes.graph import Graph

Model = TypeVar("Model", bound="PublishedGraph")


class PublishedGraph(Family):
    """A family of networks in ONNX files without metadata.

    Args:
        entry: of the checkpoint, with the preprocessing of images.
        graph: its file.
    """

    inputs: ClassVar[tuple[tuple[str, tuple[int | None, ...]], ...]]
    """Input names and shapes of the graph."""
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Additional inputs, the same in every run."""
    files: ClassVar[tuple[str, ...]] = ("model.onnx", "onnx/model.onnx")
    """Paths of the file in a checkpoint; the first that exists is used."""

    def __init__(self, entry: ModelEntry, graph: Graph) -> None:
        assert entry.preprocessing is not None
        self.entry, self.network = entry, Exported()
        self.preprocessing: Preprocessing = entry.preprocessing
        self.max_depth_m = entry.max_depth_m
        self.training_f_px = None
        self.graphs = {"": graph}

    @classmethod
    def load(cls: type[Model], entry: ModelEntry) -> Model:
        """Load a checkpoint from a folder, the hub's cache or the hub.

        Raises:
            ModelError: the file does not exist, or is not an ONNX file.
        """
        found = (hub.file(entry.source, name, entry.revision) for name in cls.files)
        path = next((each for each in found if each is not None), None)
        if path is None:
            raise ModelError(f"it has none of {', '.join(cls.files)}")
        sha256 = onnx_file.sha256(path)
        return cls(entry, Graph(path, sha256, "float32", cls.inputs, cls.numbers))

    @classmethod
    def of_graphs(
        cls: type[Model], entry: ModelEntry, facts: NetworkFacts, config: Mapping[str, Any]
    ) -> Model:
        """Raise an error: it is a graph already.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"family '{entry.family}' has files of its own, expected none of export")

    @staticmethod
    def config_of(source: str, revision: str = "main") -> Any:
        """Raise an error: such a checkpoint does not describe the inputs of its file.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{source} is known by its name in `depth_ros models` alone")

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, H, W, 3) to the network's input (B, 3, h, w)."""
        return self.preprocessing(rgb)


def outputs(raw: Raw, least: int, names: str) -> tuple[Tensor, ...]:
    """Return a graph's outputs.

    Raises:
        ModelError: there are fewer than least.
    """
    found = raw if isinstance(raw, tuple) else (raw,)
    if len(found) < least:
        raise ModelError(f"the file has {len(found)} outputs, expected {names}")
    return found
