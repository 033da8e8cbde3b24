"""The common base of the families whose checkpoints are in transformers' format."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import hub, json_file
from depth_ros.models.base import Family, ModelEntry, NetworkFacts, Prediction, Raw
from depth_ros.models.exported import Exported
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.preprocessor_config import preprocessing_of
from depth_ros.models.resizing import Fit

Model = TypeVar("Model", bound="TransformersModel")

# Published checkpoints lack these weights, which no forward pass uses.
_UNUSED = re.compile(r"neck\.fusion_stage\.layers\.0\.residual_layer1\.|\.mask_token$")


def supports_threads() -> bool:
    """Return whether several threads may run one of transformers' networks at the same time.

    Older versions replace methods of a network while it runs, to record intermediate results.
    """
    return find_spec("transformers.utils.output_capturing") is not None


class DepthOnly(nn.Module):
    """A transformers depth network whose forward returns just the predicted map (B, h, w)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the map predicted for normalised images (B, 3, h, w)."""
        depth: Tensor = self.network(pixels).predicted_depth
        return depth


class TransformersModel(Family):
    """A family of transformers' networks: loads and runs any checkpoint of it.

    Args:
        entry: of the checkpoint.
        network: takes and returns tensors.
        facts: needed to run it.
    """

    network_class: ClassVar[str]
    """The family's network in transformers."""
    processor: ClassVar[Preprocessing]
    """The family's image processor at transformers' defaults."""
    wrapper: ClassVar[type[nn.Module]] = DepthOnly
    """Module whose forward takes and returns tensors and calls the network."""
    cell: ClassVar[int] = 1
    """Sides of the network's input must be multiples of this, also with another processor; 0: it
    has a fixed input size."""

    def __init__(self, entry: ModelEntry, network: nn.Module, facts: NetworkFacts) -> None:
        self.entry, self.network = entry, network
        self.preprocessing = facts.preprocessing
        self.max_depth_m = facts.max_depth_m
        self.training_f_px = facts.training_f_px
        self.batches = facts.batches

    @classmethod
    def of(
        cls: type[Model], entry: ModelEntry, network: nn.Module, preprocessing: Preprocessing
    ) -> Model:
        """Return the model of a network of transformers.

        Raises:
            ModelError: the checkpoint's output is not that of its entry.
        """
        config: Any = network.config
        output = cls.output_of(config)
        if output is not entry.output:
            raise ModelError(
                f"the checkpoint outputs {output.value}, expected {entry.output.value}, "
                f"as '{entry.name}' does"
            )
        if getattr(getattr(config, "backbone_config", None), "model_type", "") == "beit":
            from depth_ros.models import beit

            beit.keep_indices(network)
        max_depth_m = cls.max_depth_m_of(config) or entry.max_depth_m
        max_depth_m = max_depth_m if cls.bounded(config) else 0.0
        facts = NetworkFacts(preprocessing, max_depth_m, batches=cls.batches_of(config))
        model = cls(entry, cls.wrapper(network), facts)
        model.training_f_px = model._training_f_px(config)
        return model

    @classmethod
    def load(cls: type[Model], entry: ModelEntry) -> Model:
        """Load a checkpoint from a folder, the hub's cache or the hub: safetensors, no code.

        Raises:
            ModelError: it lacks weights that the network needs, or its output is not that of the
                entry.
        """
        import transformers

        config = cls.config_of(entry.source, entry.revision)
        if config.model_type != entry.family:
            raise ModelError(
                f"config.json is of type '{config.model_type}', expected '{entry.family}'"
            )
        cls.fix_config(config, entry)
        try:
            network, report = getattr(transformers, cls.network_class).from_pretrained(
                entry.source,
                config=config,
                revision=entry.revision,
                use_safetensors=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # _check_report() refuses these by name
                output_loading_info=True,
            )
        except SafetensorError as error:
            raise ModelError(
                f"its safetensors are damaged, expected a whole file: {error}"
            ) from error
        _check_report(network, report)
        return cls.of(entry, network, _preprocessing(entry, cls.processor))

    @classmethod
    def of_graphs(
        cls: type[Model], entry: ModelEntry, facts: NetworkFacts, config: Mapping[str, Any]
    ) -> Model:
        """Return the model of an exported network; see Family."""
        return cls(entry, Exported(), facts)

    @staticmethod
    def config_of(source: str, revision: str = "main") -> Any:
        """Return transformers' configuration of a checkpoint."""
        from transformers import AutoConfig

        path = hub.required(source, "config.json", revision)
        json_file.check_sizes(json_file.read(path), path)
        try:
            return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
        except Exception as error:  # transformers' checks of fields have many error types
            raise ModelError(f"{path}: {error}") from error

    @classmethod
    def fix_config(cls, config: Any, entry: ModelEntry) -> None:
        """Correct errors of a published config.json before the network is built.

        Raises:
            ModelError: it is wrong, and the entry has no correct value.
        """

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return whether the output of a checkpoint with this config ends at max_depth_m_of()."""
        return False

    @staticmethod
    def batches_of(config: Any) -> bool:
        """Return whether results are independent of the other images of a batch."""
        return True

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Do the same as the family's image processor."""
        return self.preprocessing(rgb)

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Resize to the padded image (bicubic, as transformers) and cut off the padding."""
        assert isinstance(raw, Tensor)
        return Prediction(self.preprocessing.restore(raw, height, width), self.entry.output)

    def at_size(self: Model, height: int, width: int) -> Model:
        """Return the same model, sharing the network, for another size; see DepthModel."""
        other = copy.copy(self)
        other.preprocessing = replace(self.preprocessing, height=height, width=width)
        if self.training_f_px is not None:
            camera = Camera.from_fov(width, height, 60.0)  # the ratio is the same for any camera
            ratio = other.network_f_px(camera) / self.network_f_px(camera)
            other.training_f_px = self.training_f_px * ratio
        return other

    def with_fit(self: Model, fit: Fit) -> Model:
        """Return the same model, sharing the network, for another fit; see DepthModel."""
        if self.preprocessing.resize == "none" or self.graphs or not self.cell:
            super().with_fit(fit)
        other = copy.copy(self)
        multiple = math.lcm(self.preprocessing.multiple, self.cell)
        other.preprocessing = replace(self.preprocessing, fit=fit, multiple=multiple)
        return other

    def _training_f_px(self, config: Any) -> float | None:
        stored: float | None = getattr(config, "training_f_px", None)
        camera = self.entry.training_camera
        if stored is not None or camera is None:
            return stored
        trained = copy.copy(self)
        trained.preprocessing = self.entry.trained_with or self.preprocessing
        return trained.network_f_px(camera)


def _check_report(network: nn.Module, report: dict[str, Any]) -> None:
    """Refuse weights that transformers would initialise at random.

    Raises:
        ModelError: some weights are of another shape, or missing.
    """
    for name, found, expected in sorted(report["mismatched_keys"]):
        raise ModelError(f"its {name} is {_text(found)}, expected {_text(expected)}")
    parameters = {name for name, _ in network.named_parameters()}
    missing = sorted(parameters.intersection(report["missing_keys"]))
    missing = [name for name in missing if not _UNUSED.search(name)]
    if missing:
        raise ModelError(f"it lacks {len(missing)} weights, {missing[0]} the first of them")


def _text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))


def _preprocessing(entry: ModelEntry, processor: Preprocessing) -> Preprocessing:
    # Read as a file: transformers' own reader needs Pillow or torchvision.
    path = hub.file(entry.source, "preprocessor_config.json", entry.revision)
    if path is not None:
        content = json_file.read(path)
        try:
            return preprocessing_of(content, processor)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
    if entry.preprocessing is None:
        raise ModelError("it has no preprocessor_config.json, and its entry has no preprocessing")
    return entry.preprocessing
