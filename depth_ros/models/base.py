"""What every depth model says of itself, and what the pipeline may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from depth_ros.geometry.camera import Camera
from depth_ros.models.preprocessing import Preprocessing

Raw = Tensor | tuple[Tensor, ...]
"""What a network returns: maps (B, h, w), and numbers (B,) that belong to whole images."""


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
        max_depth_m: depth at which the network's range ends; 0 where it does not end, or only the
            checkpoint knows.
        preprocessing: what the published preprocessor_config.json says; stands in where a
            checkpoint lacks that file. None where only the checkpoint knows.
        training_camera: whose focal length the metres assume, at its own image size; None where
            they assume none or it is unknown.
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
    preprocessing: Preprocessing | None = None
    training_camera: Camera | None = None
    revision: str = "main"
    half_safe: bool = True
    note: str = ""


@dataclass(frozen=True)
class Prediction:
    """What a network said, at the image's resolution.

    Attributes:
        values: float32 (B, H, W).
        output: what the values mean; metres only for METRIC_DEPTH.
        f_px: (B,) focal length across, in pixels of the image, that the network itself estimated
            and that its metres assume; None where it estimates none.
    """

    values: Tensor
    output: Output
    f_px: Tensor | None = None


class Mirrored(nn.Module):
    """A network whose output is the mean over an image and its mirror image, at twice the cost.

    The two run one after the other: networks that choose one head for a whole batch may choose
    another for the mirror image.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Raw:
        """Return the mean output for images (B, 3, h, w) and, where there is one, their prompt."""
        straight: Raw = self.network(*inputs)
        mirrored: Raw = self.network(*(image.flip(-1) for image in inputs))
        if isinstance(straight, Tensor):
            return _mean(straight, mirrored)
        return tuple(_mean(one, other) for one, other in zip(straight, mirrored, strict=True))


def _mean(straight: Tensor, mirrored: Raw) -> Tensor:
    """Return the mean of two outputs; maps of the mirror image are turned back first."""
    assert isinstance(mirrored, Tensor)
    return (straight + (mirrored.flip(-1) if mirrored.ndim > 1 else mirrored)) / 2


class DepthModel(ABC):
    """A loaded network with what is particular to it before and after it runs.

    preprocess and postprocess run in torch on the device of their input; a runtime executes
    network in between: (B, 3, h, w) float32 in, Raw out. A network with a prompt_size is called
    with images and metric depth prompts (B, 1, *prompt_size), others with images alone.
    """

    entry: ModelEntry
    network: nn.Module
    max_depth_m: float
    """Depth at which the range ends; 0 where it does not, or is unknown."""
    training_f_px: float | None
    """Focal length, in pixels of the network's input, that metres assume; None when unknown."""
    prompt_size: tuple[int, int] | None = None
    """Height and width of the depth prompt that the network needs beside the image."""
    batches: bool = True
    """Whether what it says of an image is the same in whatever batch that image is."""

    @abstractmethod
    def preprocess(self, rgb: Tensor) -> Tensor:
        """Turn uint8 images (B, H, W, 3) into the network's input (B, 3, h, w)."""

    @abstractmethod
    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Turn the network's output, in float32, into values at height x width."""

    @abstractmethod
    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input."""


class ClipModel(ABC):
    """A loaded network that sees many frames of a recording at once, those to come among them.

    What it says of a clip is the truth up to one scale and one shift, the same for all frames.
    """

    entry: ModelEntry

    @abstractmethod
    def predict_clip(
        self,
        frames: Callable[[int], npt.NDArray[np.uint8]],
        count: int,
        seed: int = 42,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield values (H, W) of what the entry's output says, for every frame, in order.

        Args:
            frames: rgb (H, W, 3) by index, all of one size; asked for each frame once, in order.
            count: of the frames.
            seed: of the noise that a network starts from.
            progress: told the share of the work that is done, 0 to 1.

        Raises:
            ModelError: there is no frame, or one is no image or of another size.
        """
