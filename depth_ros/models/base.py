"""What every depth model says of itself, and what the pipeline may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

from depth_ros.geometry.camera import Camera


class Output(str, Enum):
    """What a network's numbers mean. Only metric depth is called depth."""

    METRIC_DEPTH = "metric_depth"
    AFFINE_DEPTH = "affine_depth"
    AFFINE_INVERSE_DEPTH = "affine_inverse_depth"


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a checkpoint before it is loaded.

    Attributes:
        name: what the user says.
        family: the model file that loads it.
        source: hub id, or a folder.
        output: what its numbers mean.
        licence: SPDX name of the weights' licence.
        commercial: whether that licence allows commercial use.
        parameters_m: size in millions of parameters; 0 where unknown.
        max_depth_m: depth at which the network's range ends; 0 where only the checkpoint knows.
        revision: the hub's revision.
        half_safe: whether float16 keeps its numbers finite.
        note: what a user must know, in a few words.
    """

    name: str
    family: str
    source: str
    output: Output
    licence: str
    commercial: bool
    parameters_m: float = 0.0
    max_depth_m: float = 0.0
    revision: str = "main"
    half_safe: bool = True
    note: str = ""


@dataclass(frozen=True)
class Prediction:
    """What a network said, at the image's resolution.

    Attributes:
        values: float32 (B, H, W).
        output: what the values mean; metres only for METRIC_DEPTH.
    """

    values: Tensor
    output: Output


class Mirrored(nn.Module):
    """A network whose output is the mean over an image and its mirror image, at twice the cost.

    The two run one after the other: networks that choose one head for a whole batch may choose
    another for the mirror image.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the mean map (B, h, w) for images (B, 3, h, w)."""
        straight: Tensor = self.network(pixels)
        mirrored: Tensor = self.network(pixels.flip(-1))
        return (straight + mirrored.flip(-1)) / 2


class DepthModel(ABC):
    """A loaded network with what is particular to it before and after it runs.

    preprocess and postprocess run in torch on the device of their input; a runtime executes
    network in between: (B, 3, h, w) float32 in, (B, h', w') out.
    """

    entry: ModelEntry
    network: nn.Module
    max_depth_m: float
    training_f_px: float | None
    """Focal length, at the network's resolution, that its metres assume; None when unknown."""

    @abstractmethod
    def preprocess(self, rgb: Tensor) -> Tensor:
        """Turn uint8 images (B, H, W, 3) into the network's input (B, 3, h, w)."""

    @abstractmethod
    def postprocess(self, raw: Tensor, height: int, width: int) -> Prediction:
        """Turn the network's output (B, h', w') into values at height x width."""

    @abstractmethod
    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input."""
