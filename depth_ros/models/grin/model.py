"""GRIN as a depth model: selection of the estimated pixels, and depth from samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import (
    Executor,
    Family,
    Memory,
    ModelEntry,
    NetworkFacts,
    Output,
    Prediction,
    Raw,
    Request,
)
from depth_ros.models.exported import Exported
from depth_ros.models.grin import log_depth, noise, schedule
from depth_ros.models.grin.confidence import within
from depth_ros.models.grin.config import GrinConfig, preprocessing_of
from depth_ros.models.grin.network import Grin
from depth_ros.models.grin.positions import grid, normalise
from depth_ros.models.grin.sampler import ddim, times
from depth_ros.models.preprocessing import Preprocessing

_CAMERAS = 8


@dataclass(frozen=True)
class Pixels:
    """The pixels of an image for which depth is estimated.

    Attributes:
        height, width: of their grid.
        positions, rays: (N, 2) of the pixels that have a viewing ray.
        indices: int64 (N,), of these pixels in the grid (height * width).
    """

    height: int
    width: int
    positions: Tensor
    rays: Tensor
    indices: Tensor

    @classmethod
    def of(cls, camera: Camera, positions: Tensor) -> Pixels:
        """Return the pixels of a camera, given their positions (N, 2) in the image."""
        rays = torch.from_numpy(camera.rays().copy()).reshape(-1, 2)
        indices = rays.isfinite().all(-1).nonzero()[:, 0]
        return cls(camera.height, camera.width, positions[indices], rays[indices], indices)

    def to(self, device: torch.device) -> Pixels:
        """Return the same on a device."""
        parts = {name: getattr(self, name).to(device) for name in ("positions", "rays", "indices")}
        return replace(self, **parts)

    def spread(self, values: Tensor) -> Tensor:
        """Return values (..., N) on the grid (..., height, width); NaN: no viewing ray."""
        shape = (*values.shape[:-1], self.height, self.width)
        if values.shape[-1] == self.height * self.width:
            return values.reshape(shape)
        full_grid = values.new_full((*values.shape[:-1], self.height * self.width), torch.nan)
        return full_grid.index_copy_(-1, self.indices, values).reshape(shape)

    def gather(self, grid_values: Tensor) -> Tensor:
        """Return the values (..., N) of the pixels that have a ray, from (..., height, width)."""
        return grid_values.flatten(-2).index_select(-1, self.indices)


class _Inputs(NamedTuple):
    """Computes the inputs of a network for the image of a camera."""

    config: GrinConfig
    preprocessing: Preprocessing

    def subcamera(self, camera: Camera, stride: int) -> tuple[Camera, Tensor]:
        """Return the camera of the estimated pixels, and their positions in the image (N, 2)."""
        if not stride:
            height, width = (side // self.config.map_stride for side in self._input_size(camera))
            return camera.scale(width, height), grid(height, width)
        sub = camera.subsample(stride)
        v, u = torch.arange(sub.height) * stride, torch.arange(sub.width) * stride
        uv = torch.cartesian_prod(v, u).flip(-1)
        return sub, normalise(uv, camera.height, camera.width)

    def pixels(self, camera: Camera, stride: int, device: torch.device) -> Pixels:
        """Return the estimated pixels, on a device."""
        return Pixels.of(*self.subcamera(camera, stride)).to(device)

    def cells(self, camera: Camera, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return positions and rays (M, 2) of the global conditioning."""
        height, width = (side // self.config.cell for side in self._input_size(camera))
        rays = torch.from_numpy(camera.scale(width, height).rays().copy()).reshape(-1, 2)
        return grid(height, width).to(device), rays.nan_to_num(0.0).to(device)

    def noise(
        self, camera: Camera, stride: int, samples: int, seed: int, device: torch.device
    ) -> Tensor:
        """Return the noise that sampling starts from, (samples, N) at the estimated pixels."""
        generator = torch.Generator().manual_seed(seed)
        grids = noise.centred(noise.coarse(samples, generator))
        sub, positions = self.subcamera(camera, stride)
        full = camera if stride else sub
        white = torch.randn(samples, full.height, full.width, generator=generator)
        white = white[:, :: stride or 1, :: stride or 1].flatten(1)
        values = noise.at(white, grids, positions.expand(samples, -1, -1))
        return values[:, Pixels.of(sub, positions).indices].to(device)

    def levels(self, steps: int, start: float, device: torch.device) -> Tensor:
        """Return the noise levels (steps + 1,) of sampling from a start time."""
        at = times(steps, start, self.config.warp)
        return schedule.find(self.config.schedule)(at).to(device)

    def _input_size(self, camera: Camera) -> tuple[int, int]:
        return self.preprocessing.network_size(camera.height, camera.width)


class GrinModel(Family):
    """A checkpoint of GRIN.

    Each pixel of the image has its own noise, which is the same in every frame and for every
    selection of pixels. Pixels without a viewing ray are not estimated.
    """

    denoises = True
    asks_cameras = True
    training_f_px = None  # it uses the camera's rays instead

    network: Grin | Exported

    def __init__(
        self, entry: ModelEntry, network: Grin | Exported, config: GrinConfig | None = None
    ) -> None:
        self.entry, self.network = entry, network
        self.config: GrinConfig = network.config if config is None else config
        self.preprocessing = preprocessing_of(self.config)
        self.max_depth_m = self.config.d_max_m
        # Not cached methods of this class: the reference cycle would keep the GPU's memory.
        self._inputs = _Inputs(self.config, self.preprocessing)
        self._pixels = lru_cache(maxsize=_CAMERAS)(self._inputs.pixels)
        self._cells = lru_cache(maxsize=_CAMERAS)(self._inputs.cells)
        self._noise = lru_cache(maxsize=_CAMERAS)(self._inputs.noise)
        self._levels = lru_cache(maxsize=_CAMERAS)(self._inputs.levels)

    @classmethod
    def load(cls, entry: ModelEntry) -> GrinModel:
        """Load a checkpoint from a folder, the hub's cache or the hub.

        Raises:
            ModelError: its files do not match each other.
        """
        return cls(entry, Grin.from_pretrained(entry.source, entry.revision))

    @classmethod
    def of_graphs(
        cls, entry: ModelEntry, facts: NetworkFacts, config: Mapping[str, Any]
    ) -> GrinModel:
        """Return the model of an exported network; see Family."""
        return cls(entry, Exported(GrinConfig.from_dict(config)))

    @staticmethod
    def config_of(source: str, revision: str = "main") -> GrinConfig:
        """Return the configuration of a checkpoint."""
        return GrinConfig.load(source, revision)

    def exported_config(self) -> dict[str, Any]:
        """Return the network's configuration."""
        return self.config.as_dict()

    @staticmethod
    def max_depth_m_of(config: GrinConfig) -> float:
        """Return the end of a checkpoint's range."""
        return config.d_max_m

    def has_confidence(self, samples: int) -> bool:
        """Whether it outputs confidence: one sample has no spread."""
        return (samples or self.config.samples) > 1

    def cost(self, camera: Camera, stride: int) -> int:
        """Return the number of estimated pixels."""
        sub, _ = self._inputs.subcamera(camera, stride)
        return sub.width * sub.height

    def at_size(self, height: int, width: int) -> GrinModel:
        """Return the same model, sharing the network, for another size; see DepthModel."""
        return GrinModel(self.entry, self.network, replace(self.config, height=height, width=width))

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, H, W, 3) to the encoder's input (B, 3, h, w), -1 to 1."""
        return self.preprocessing(rgb)

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Enlarge maps of depth [m] (B, h, w) to the image."""
        assert isinstance(raw, Tensor)
        return Prediction(self.preprocessing.restore(raw, height, width, "bilinear"), self.output)

    @property
    def output(self) -> Output:
        """Meaning of its values."""
        return self.entry.output

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return depth of images by denoising; see DepthModel.infer.

        Images of one camera are processed together, images of several cameras one by one, because
        their sets of pixels differ.
        """
        if len(set(request.cameras)) <= 1:
            return self._infer(execute, rgb, request)
        parts = [
            self._infer(execute, image[None], replace(request, cameras=[camera]))
            for image, camera in zip(rgb, request.cameras, strict=True)
        ]
        confidences = [part.confidence for part in parts if part.confidence is not None]
        return replace(
            parts[0],
            values=torch.cat([part.values for part in parts]),
            confidence=torch.cat(confidences) if confidences else None,
            memory=None,
        )

    def _infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        camera, sampling = request.cameras[0], request.sampling
        pixels = self._pixels(camera, sampling.stride, execute.device)
        samples = sampling.samples or self.config.samples
        values, latents = self._denoise(execute, rgb, request, pixels, samples)
        median = _median(values)
        maps = [log_depth.decode(median, *self._range)]
        if samples > 1:
            maps.append(self._confidence(values))
        maps = [pixels.spread(each) for each in maps]
        if request.enlarge:
            maps = [self._enlarge(each, sampling.stride, camera) for each in maps]
        depth_m, *confidence = maps
        memory = Memory(pixels.spread(median[0]), latents) if len(rgb) == 1 else None
        size = (pixels.height, pixels.width)
        return Prediction(
            depth_m,
            self.output,
            confidence=confidence[0] if confidence else None,
            network_size=size,
            memory=memory,
        )

    def _denoise(
        self, execute: Executor, rgb: Tensor, request: Request, pixels: Pixels, samples: int
    ) -> tuple[Tensor, Tensor]:
        """Return clean values (B, samples, N) and latents (B * samples, L, C)."""
        batch, camera, sampling = len(rgb), request.cameras[0], request.sampling
        local, scene = self._condition(execute, rgb, camera, pixels)
        local, scene = (part.repeat_interleave(samples, dim=0) for part in (local, scene))
        denoise = self._denoiser(execute.part("denoiser"), local, scene)
        x = self._noise(camera, sampling.stride, samples, sampling.seed, execute.device)
        memory = _matching(request.memory, pixels, samples)
        steps, start, latents = sampling.steps or self.config.steps, 1.0, None
        if memory is not None:
            steps, start = sampling.steps or max(1, steps // 2), self.config.carry_noise
            latents = memory.latents
        gammas = self._levels(steps, start, execute.device)
        scale = self.config.input_scale
        if memory is not None:
            x = schedule.add_noise(scale * pixels.gather(memory.values), x, gammas[0])
        values, latents = ddim(denoise, x.repeat(batch, 1), gammas, latents, scale)
        return (values / scale).unflatten(0, (batch, samples)), latents

    def _condition(
        self, execute: Executor, rgb: Tensor, camera: Camera, pixels: Pixels
    ) -> tuple[Tensor, Tensor]:
        """Return local (B, N, token_dim) and global (B, M, latent_dim) conditioning."""
        inputs = (pixels.positions, pixels.rays, *self._cells(camera, execute.device))
        output = execute.part("encoder")(
            self.preprocess(rgb), *(each.expand(len(rgb), -1, -1) for each in inputs)
        )
        assert isinstance(output, tuple)
        return output[0], output[1]

    def _denoiser(
        self, execute: Executor, local: Tensor, scene: Tensor
    ) -> Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]:
        count = len(local)
        none = local.new_zeros(count, self.config.latents, self.config.latent_dim)

        def denoise(x: Tensor, gamma: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
            latents = none if before is None else before
            output = execute(x, gamma.expand(count), local, scene, latents)
            assert isinstance(output, tuple)
            return output[0], output[1]

        return denoise

    def _confidence(self, values: Tensor) -> Tensor:
        """Return confidence (B, N) of samples (B, S, N)."""
        spread = log_depth.log_spread(values.std(dim=1), *self._range)
        return within(spread * self.config.spread_gain)

    @property
    def _range(self) -> tuple[float, float]:
        return self.config.d_min_m, self.config.d_max_m

    def _enlarge(self, maps: Tensor, stride: int, camera: Camera) -> Tensor:
        """Return maps (B, h, w) at the image's size, interpolated between estimated pixels."""
        if not stride:
            return self.preprocessing.restore(maps, camera.height, camera.width, "bilinear")
        if stride == 1:
            return maps
        height, width = ((side - 1) * stride + 1 for side in maps.shape[1:])
        inner = functional.interpolate(
            maps[:, None], (height, width), mode="bilinear", align_corners=True
        )
        beyond = (0, camera.width - width, 0, camera.height - height)
        return functional.pad(inner, beyond, mode="replicate")[:, 0]


def _median(values: Tensor) -> Tensor:
    """Return the median (B, N) of samples (B, S, N); for even S, the mean of the middle two."""
    if values.shape[1] == 1:
        return values[:, 0]
    ordered = values.sort(dim=1).values
    middle = values.shape[1] // 2
    return (ordered[:, middle] + ordered[:, -middle - 1]) / 2


def _matching(memory: Memory | None, pixels: Pixels, samples: int) -> Memory | None:
    """Return the memory if it has the same pixels and number of samples; otherwise None."""
    size = (pixels.height, pixels.width)
    matches = memory is not None and memory.values.shape == size and len(memory.latents) == samples
    return memory if matches else None
