"""The interface of depth models, and the facts that they state about themselves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from depth_ros.errors import ModelError, ModelSettingError
from depth_ros.geometry.camera import Camera
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.resizing import Fit
from depth_ros.runtimes.graph import Graph

Raw = Tensor | tuple[Tensor, ...]
"""What a network returns: maps (B, h, w), maps of vectors (B, h, w, 3) whose first component points
across the image, and numbers (B,) for whole images."""


Environment = Literal["indoor", "outdoor", "any"]


class Output(str, Enum):
    """Meaning of a network's values. Only metric depth is in metres."""

    METRIC_DEPTH = "metric_depth"
    AFFINE_DEPTH = "affine_depth"
    AFFINE_INVERSE_DEPTH = "affine_inverse_depth"


@dataclass(frozen=True)
class ModelEntry:
    """Facts about a checkpoint that are known before it is loaded.

    Attributes:
        name: the name that users type.
        family: key in registry.FAMILIES of the class that loads it.
        source: hub id, or a folder.
        output: meaning of its values.
        licence: SPDX name of the weights' licence.
        commercial: whether that licence allows commercial use.
        parameters_m: size in millions of parameters; 0: unknown.
        max_depth_m: maximum depth in training, which is also the end of a bounded head's range; 0:
            none, or stated only by the checkpoint.
        preprocessing: content of the published preprocessor_config.json or, if that could not be
            read, what transformers' conversion script writes into it; used if a checkpoint lacks
            that file. None: stated only by the checkpoint.
        training_camera: the camera, at its own image size, whose focal length the metres assume;
            None: none, or unknown.
        trained_with: preprocessing of that camera's images in training; None: the same as
            preprocessing.
        revision: the hub's revision.
        half_safe: whether values stay finite in float16.
        place: where the training images were taken: indoor, outdoor or any.
        note: a short remark for the user.
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
    place: Environment = "any"
    note: str = ""


@dataclass(frozen=True)
class NetworkFacts:
    """Facts that are needed to run a network and interpret its output.

    Attributes:
        preprocessing: from images to the network's input.
        max_depth_m: end of a bounded head's range; 0: none or unknown.
        training_f_px: focal length, in pixels of the network's input, that metres assume; None:
            unknown.
        batches: whether the result for an image is independent of the other images of a batch.
    """

    preprocessing: Preprocessing
    max_depth_m: float = 0.0
    training_f_px: float | None = None
    batches: bool = True


@dataclass(frozen=True)
class Memory:
    """What a model carries from a frame to the next one of the same camera.

    Attributes:
        values: (h, w) the denoised values, at the requested pixels.
        latents: (N, L, C) of every sample.
    """

    values: Tensor
    latents: Tensor


@dataclass(frozen=True)
class Sampling:
    """Sampling options of a denoising model; other models ignore them.

    Attributes:
        steps: number of sampler steps; 0: the checkpoint's default.
        samples: number of samples; the result is their median. Two or more also give confidence.
            0: the checkpoint's default.
        seed: noise seed, the same for every image.
        stride: estimate every n-th pixel and row; 0: the checkpoint's default.
    """

    steps: int = 0
    samples: int = 0
    seed: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Request:
    """Inputs of a model in addition to the images, and options.

    Attributes:
        cameras: one for each image.
        prompts: metric depth (B, 1, *prompt_size), for a model that has a prompt_size.
        sampling: for a denoising model.
        memory: of the frame before, for a single image and a model that carries one.
        enlarge: whether the result is resized to the image, or has only the estimated pixels.
    """

    cameras: Sequence[Camera]
    prompts: Tensor | None = None
    sampling: Sampling = field(default_factory=Sampling)
    memory: Memory | None = None
    enlarge: bool = True


class Executor(Protocol):
    """Runs a network, or one of its parts: tensors in, float32 tensors out."""

    @property
    def device(self) -> torch.device:
        """Device of the outputs."""

    def __call__(self, *inputs: Tensor) -> Raw:
        """Run the network."""

    def part(self, name: str) -> Executor:
        """Return an executor of one part of the network, by name."""


@dataclass(frozen=True)
class Prediction:
    """A network's output, at the image's resolution.

    Attributes:
        values: float32 (B, H, W).
        output: meaning of the values; metres only for METRIC_DEPTH.
        f_px: (B,) horizontal focal length, in pixels of the image, that the network estimated and
            that its metres assume; None: it estimates none.
        confidence: float32 (B, H, W), 0 to 1: the probability, as estimated by the model, that a
            value is within a factor of 1.25 of the truth; None: not estimated.
        network_size: height and width of the map that the values were enlarged from.
        memory: for the camera's next frame, of a single image and a model that carries one.
    """

    values: Tensor
    output: Output
    f_px: Tensor | None = None
    confidence: Tensor | None = None
    network_size: tuple[int, int] | None = None
    memory: Memory | None = None


class ModelFacts(Protocol):
    """The facts about a network that a pipeline uses; see DepthModel."""

    entry: ModelEntry
    max_depth_m: float
    training_f_px: float | None
    prompt_size: tuple[int, int] | None
    batches: bool
    denoises: bool
    graphs: Mapping[str, Graph]

    def has_confidence(self, samples: int) -> bool:
        """Whether it outputs confidence with this number of samples, see Sampling."""

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input."""


class DepthModel(ABC):
    """A loaded network with its preprocessing and postprocessing.

    infer() does all three. preprocess() and postprocess() run in torch on the device of their
    input; between them a runtime executes the network: (B, 3, h, w) float32 in, Raw out. A network
    with a prompt_size is called with images and metric depth prompts (B, 1, *prompt_size), others
    with images only.
    """

    entry: ModelEntry
    network: nn.Module
    preprocessing: Preprocessing
    """From images to the network's input."""
    max_depth_m: float
    """End of the range; 0: none or unknown."""
    training_f_px: float | None
    """Focal length, in pixels of the network's input, that metres assume; None: unknown."""
    prompt_size: tuple[int, int] | None = None
    """Height and width of the depth prompt that the network needs; None: no prompt."""
    batches: bool = True
    """Whether the result for an image is independent of the other images of a batch."""
    graphs: Mapping[str, Graph] = MappingProxyType({})
    """Files of an exported network, by part; empty if the network runs in torch."""
    any_size: bool = True
    """Whether an exported graph can have a dynamic input size."""
    denoises: bool = False
    """Whether it uses a request's sampling and memory. Such a model does not support flip."""
    asks_cameras: bool = False
    """Whether its prediction depends on a request's cameras."""
    one_by_one: ClassVar[bool] = False
    """Whether the network's code depends on the batch size, so that a graph has a fixed one."""
    beside_names: ClassVar[tuple[str, ...]] = ()
    """Names, in an exported file, of the inputs that beside() returns."""
    raw_names: ClassVar[tuple[str, ...]] = ("values",)
    """Names of the network's outputs in an exported file; it may have fewer outputs."""

    def beside(self, count: int, height: int, width: int, device: torch.device) -> Sequence[Tensor]:
        """Return the network's inputs in addition to images of a size and their prompts."""
        return ()

    def exported_config(self) -> dict[str, Any]:
        """Return data that an exported file contains in addition to its facts; usually none."""
        return {}

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of images for an exported network of a fixed size; None: any."""
        graph = next(iter(self.graphs.values()), None)
        height, width = graph.inputs[0][1][-2:] if graph else (None, None)
        if height is None or width is None:
            return None
        return self.preprocessing.image_size(height, width)

    def capturable_network(self) -> nn.Module:
        """Return a network that shares the weights and that a CUDA graph can hold.

        Its code must not wait for values on the device.
        """
        return self.network

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return the prediction for images.

        Args:
            execute: runs the network.
            rgb: uint8 (B, H, W, 3) on the executor's device.
            request: other inputs, and options.
        """
        prompts = [] if request.prompts is None else [request.prompts]
        raw = execute(self.preprocess(rgb), *prompts)
        height, width = (raw[0] if isinstance(raw, tuple) else raw).shape[-2:]
        prediction = self.postprocess(raw, *rgb.shape[1:3])
        return replace(prediction, network_size=(height, width))

    def has_confidence(self, samples: int) -> bool:
        """Whether it outputs confidence with this number of samples, see Sampling."""
        return False

    def cost(self, camera: Camera, stride: int) -> int:
        """Return the number of pixels estimated in a camera's image with a stride, see Sampling."""
        return camera.width * camera.height

    def at_size(self, height: int, width: int) -> DepthModel:
        """Return the same model with another size of the network's input.

        The assumed focal length is scaled with the size, so that the assumed field of view stays.

        Raises:
            ModelError: its network has a fixed input size.
        """
        raise ModelError(
            f"model '{self.entry.name}' has a fixed size, it takes no {width}x{height}"
        )

    def with_fit(self, fit: Fit) -> DepthModel:
        """Return the same model with another image.fit.

        Raises:
            ModelError: its network supports only one.
        """
        raise ModelSettingError(
            f"model '{self.entry.name}' resizes images in one way only, expected image.fit:=auto"
        )

    @abstractmethod
    def preprocess(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, H, W, 3) to the network's input (B, 3, h, w)."""

    @abstractmethod
    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Convert the network's output, in float32, to values at height x width."""

    def network_f_px(self, camera: Camera) -> float:
        """Return a camera's focal length in pixels of the network's input, after the resize."""
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
    """A depth model of a family of checkpoints, which can load any of them."""

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
            ModelError: its files do not match each other, or the entry.
        """

    @classmethod
    @abstractmethod
    def of_graphs(cls, entry: ModelEntry, facts: NetworkFacts, config: Mapping[str, Any]) -> Family:
        """Return the model of an exported network; its graphs are set by the caller.

        Args:
            entry, facts: from the file's card.
            config: exported_config() at the time of export.

        Raises:
            ModelError: the config is not of this family.
        """

    @staticmethod
    @abstractmethod
    def config_of(source: str, revision: str = "main") -> Any:
        """Return the configuration of a checkpoint in a folder, the hub's cache or the hub."""

    @staticmethod
    def output_of(config: Any) -> Output:
        """Return the meaning of the values of a checkpoint with this configuration."""
        return Output.METRIC_DEPTH

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the maximum depth in a checkpoint's training; 0: not in the configuration."""
        return 0.0
