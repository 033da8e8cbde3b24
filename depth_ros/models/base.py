"""What every depth model says of itself, and what the pipeline may ask of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.preprocessing import Fit, Preprocessing
from depth_ros.runtimes.graph import Graph

Raw = Tensor | tuple[Tensor, ...]
"""What a network returns: maps (B, h, w), maps of vectors (B, h, w, 3) whose first component points
across the image, and numbers (B,) that belong to whole images."""


Place = Literal["indoor", "outdoor", "any"]


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
        max_depth_m: depth that it was trained up to, where the range of a bounded head ends too; 0
            where there is none, or only the checkpoint knows.
        preprocessing: what the published preprocessor_config.json says; stands in where a
            checkpoint lacks that file. None where only the checkpoint knows.
        training_camera: whose focal length the metres assume, at its own image size; None where
            they assume none or it is unknown.
        trained_with: how training brought that camera's images to the network; None: as
            preprocessing does.
        revision: the hub's revision.
        half_safe: whether float16 keeps its numbers finite.
        place: where the images of its training were taken: indoor, outdoor or any.
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
    trained_with: Preprocessing | None = None
    revision: str = "main"
    half_safe: bool = True
    place: Place = "any"
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """What is needed around a network beside its entry: how it is asked, how it is understood.

    Attributes:
        preprocessing: how images are brought to the network.
        max_depth_m: depth at which the range of a bounded head ends; 0 where it does not, or is
            unknown.
        training_f_px: focal length, in pixels of the network's input, that metres assume; None
            when unknown.
        batches: whether what it says of an image is the same in whatever batch that image is.
    """

    preprocessing: Preprocessing
    max_depth_m: float = 0.0
    training_f_px: float | None = None
    batches: bool = True


@dataclass(frozen=True)
class Memory:
    """What a model carries from a frame to the next one of the same camera.

    Attributes:
        values: what it denoised, (h, w) at the pixels that it was asked for.
        latents: (N, L, C) of every sample.
    """

    values: Tensor
    latents: Tensor


@dataclass(frozen=True)
class Sampling:
    """How a model that denoises is asked; others have nothing to choose.

    Attributes:
        steps: of the sampler; 0: as its weights say.
        samples: whose median is the answer; two or more have a spread, hence confidence; 0: as its
            weights say.
        seed: of the noise it starts from, the same for every image.
        stride: asks for every n-th pixel and row; 0: as coarsely as its weights say.
    """

    steps: int = 0
    samples: int = 0
    seed: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Request:
    """What a model may know of images beside their pixels, and how it is asked.

    Attributes:
        cameras: of the images, one each.
        prompts: metric depth (B, 1, *prompt_size), for a model that has a prompt_size.
        sampling: for a model that denoises.
        memory: of the frame before, for a single image and a model that carries one.
        enlarge: whether the answer is as large as the image, or has just the pixels asked for.
    """

    cameras: Sequence[Camera]
    prompts: Tensor | None = None
    sampling: Sampling = field(default_factory=Sampling)
    memory: Memory | None = None
    enlarge: bool = True


class Executor(Protocol):
    """What runs a network, or one of its parts: tensors in, float32 tensors out."""

    @property
    def device(self) -> torch.device:
        """Where outputs are."""

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run it."""

    def part(self, name: str) -> Executor:
        """Return what runs the network's part of this name alone."""


@dataclass(frozen=True)
class Prediction:
    """What a network said, at the image's resolution.

    Attributes:
        values: float32 (B, H, W).
        output: what the values mean; metres only for METRIC_DEPTH.
        f_px: (B,) focal length across, in pixels of the image, that the network itself estimated
            and that its metres assume; None where it estimates none.
        confidence: float32 (B, H, W), 0 to 1: the probability, by the model's own word, that a
            value is within a factor of 1.25 of the truth; None where it says nothing of that.
        network_size: height and width of the map that the values were enlarged from.
        memory: for the camera's next frame, of a single image and a model that carries one.
    """

    values: Tensor
    output: Output
    f_px: Tensor | None = None
    confidence: Tensor | None = None
    network_size: tuple[int, int] | None = None
    memory: Memory | None = None


class Mirrored:
    """An executor whose output is the mean over an image and its mirror image, at twice the cost.

    The two run one after the other: networks that choose one head for a whole batch may choose
    another for the mirror image.
    """

    def __init__(self, execute: Executor) -> None:
        self._execute = execute

    @property
    def device(self) -> torch.device:
        """Where outputs are."""
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        """Return the mean output for images (B, 3, h, w) and, where there is one, their prompt."""
        straight = self._execute(*inputs)
        mirrored = self._execute(*(image.flip(-1) for image in inputs))
        if isinstance(straight, Tensor):
            return _mean(straight, mirrored)
        return tuple(_mean(one, other) for one, other in zip(straight, mirrored, strict=True))

    def part(self, name: str) -> Mirrored:
        """Return the same for a part of the network."""
        return Mirrored(self._execute.part(name))


def _mean(straight: Tensor, mirrored: Raw) -> Tensor:
    """Return the mean of two outputs; maps of the mirror image are turned back first."""
    assert isinstance(mirrored, Tensor)
    if mirrored.ndim == 4:
        mirrored = mirrored.flip(2)
        mirrored = torch.cat([-mirrored[..., :1], mirrored[..., 1:]], dim=-1)
    elif mirrored.ndim > 1:
        mirrored = mirrored.flip(-1)
    return (straight + mirrored) / 2


class ModelFacts(Protocol):
    """What a pipeline needs to know of a network beside running it; see DepthModel."""

    entry: ModelEntry
    max_depth_m: float
    training_f_px: float | None
    prompt_size: tuple[int, int] | None
    batches: bool
    denoises: bool
    graphs: Mapping[str, Graph]

    def has_confidence(self, samples: int) -> bool:
        """Whether it gives confidence when asked for so many samples, see Sampling."""

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input."""


class DepthModel(ABC):
    """A loaded network with what is particular to it before and after it runs.

    infer does it all. preprocess and postprocess run in torch on the device of their input; a
    runtime executes network in between: (B, 3, h, w) float32 in, Raw out. A network with a
    prompt_size is called with images and metric depth prompts (B, 1, *prompt_size), others with
    images alone.
    """

    entry: ModelEntry
    network: nn.Module
    preprocessing: Preprocessing
    """How images are brought to the network."""
    max_depth_m: float
    """Depth at which the range ends; 0 where it does not, or is unknown."""
    training_f_px: float | None
    """Focal length, in pixels of the network's input, that metres assume; None when unknown."""
    prompt_size: tuple[int, int] | None = None
    """Height and width of the depth prompt that the network needs beside the image."""
    batches: bool = True
    """Whether what it says of an image is the same in whatever batch that image is."""
    graphs: Mapping[str, Graph] = MappingProxyType({})
    """Files of an exported network, by part; none where network is torch's own."""
    any_size: bool = True
    """Whether an exported graph of it may leave the size of its input open."""
    denoises: bool = False
    """Whether a request's sampling and memory mean something to it; and it has no mirror image."""
    asks_cameras: bool = False
    """Whether its answer depends on a request's cameras."""
    one_by_one: ClassVar[bool] = False
    """Whether its network's code splits by the size of the batch, which a graph would freeze."""
    beside_names: ClassVar[tuple[str, ...]] = ()
    """What beside() returns is called in an exported file."""
    raw_names: ClassVar[tuple[str, ...]] = ("values",)
    """What its network's outputs are called in an exported file, as far as it has them."""

    def beside(self, count: int, height: int, width: int, device: torch.device) -> Sequence[Tensor]:
        """Return what its network takes beside so many images of a size and their prompts."""
        return ()

    def config_stated(self) -> dict[str, Any]:
        """Return what an exported file must say beside its facts; nothing for most families."""
        return {}

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of images that an exported network of one size takes; None: any."""
        for graph in self.graphs.values():
            height, width = graph.inputs[0][1][-2:]
            if height is not None and width is not None:
                return self.preprocessing.image_size(height, width)
            break
        return None

    def unasking(self) -> nn.Module:
        """Return the network, sharing its weights, so that it asks the host nothing while it runs.

        That is what a CUDA graph can hold.
        """
        return self.network

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return what the network says of images.

        Args:
            execute: runs the network.
            rgb: uint8 (B, H, W, 3) on the executor's device.
            request: what else is known, and wanted.
        """
        prompts = [] if request.prompts is None else [request.prompts]
        raw = execute(self.preprocess(rgb), *prompts)
        height, width = (raw[0] if isinstance(raw, tuple) else raw).shape[-2:]
        prediction = self.postprocess(raw, *rgb.shape[1:3])
        return replace(prediction, network_size=(height, width))

    def has_confidence(self, samples: int) -> bool:
        """Whether it gives confidence when asked for so many samples, see Sampling."""
        return False

    def cost(self, camera: Camera, stride: int) -> int:
        """Return how many pixels of a camera's image are asked for with a stride, see Sampling."""
        return camera.width * camera.height

    def at_size(self, height: int, width: int) -> DepthModel:
        """Return the same model with images brought near to another size of the network's input.

        Metres stay those of the field of view: the focal length that they assume is scaled with
        the size.

        Raises:
            ModelError: its network takes images of one size only.
        """
        raise ModelError(f"model '{self.entry.name}' takes no {width}x{height}, but one size only")

    def fitted(self, fit: Fit) -> DepthModel:
        """Return the same model with images of another aspect ratio brought to it in another way.

        Raises:
            ModelError: its network takes images in one way only.
        """
        raise ModelError(
            f"model '{self.entry.name}' takes images in one way only, expected image_fit:=auto"
        )

    @abstractmethod
    def preprocess(self, rgb: Tensor) -> Tensor:
        """Turn uint8 images (B, H, W, 3) into the network's input (B, 3, h, w)."""

    @abstractmethod
    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Turn the network's output, in float32, into values at height x width."""

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input, padded and resized."""
        scale_y, scale_x = self.preprocessing.scale(camera.height, camera.width)
        return math.sqrt(camera.fx * scale_x * camera.fy * scale_y)


class OwnPickle(NamedTuple):
    """A file of a family's own, in which its authors publish configuration and weights.

    Attributes:
        name: of the file.
        read: returns what config.json is to hold, and the weights by name.
    """

    name: str
    read: Callable[[Path], tuple[dict[str, Any], dict[str, Tensor]]]


class Family(DepthModel):
    """A depth model of a family of checkpoints, which knows how to load any of them."""

    files: ClassVar[tuple[str, ...]] = ("config.json",)
    """A checkpoint on the hub has at least one of these."""
    own_pickle: ClassVar[OwnPickle | None] = None
    """What the authors publish where that is not in transformers' format."""

    @classmethod
    def recognises(cls, said: Mapping[str, Any]) -> bool:
        """Return whether a config.json without a model_type is one of this family's."""
        return False

    @classmethod
    @abstractmethod
    def load(cls, entry: ModelEntry) -> Family:
        """Load a checkpoint from a folder, the hub's cache or the hub.

        Raises:
            ModelError: its files do not fit each other, or the entry.
        """

    @classmethod
    @abstractmethod
    def of_graphs(cls, entry: ModelEntry, facts: Facts, config: Mapping[str, Any]) -> Family:
        """Return the model of an exported network; its graphs are set by the caller.

        Args:
            entry, facts: as the file's card says.
            config: what config_stated() said when it was exported.

        Raises:
            ModelError: the config is not one of this family.
        """

    @staticmethod
    @abstractmethod
    def config_of(source: str, revision: str = "main") -> Any:
        """Return the configuration of a checkpoint in a folder, the hub's cache or the hub."""

    @staticmethod
    def output_of(config: Any) -> Output:
        """Return what the numbers of a checkpoint with this configuration mean."""
        return Output.METRIC_DEPTH

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return what depth a checkpoint was trained up to; 0 where its config says nothing."""
        return 0.0


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
