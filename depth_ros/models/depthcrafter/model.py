"""DepthCrafter: frames of a recording to inverse depth up to one scale and shift."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models.base import ModelEntry
from depth_ros.models.clip_model import ClipModel
from depth_ros.models.depthcrafter import images, parts
from depth_ros.models.depthcrafter.options import ClipOptions
from depth_ros.models.depthcrafter.windows import euler, rechunked, stitched, windows

Rgb = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

# Inputs of Stable Video Diffusion that are constant in DepthCrafter: frames per second, amount of
# motion, and deviation of the noise that is added to the images.
_FPS, _MOTION, _NOISE = 7, 127, 0.02


class Condition(NamedTuple):
    """The denoiser's condition for T frames.

    Attributes:
        latents: (T, C, h, w) the images in latent space.
        embeddings: (T, D) of CLIP.
    """

    latents: Tensor
    embeddings: Tensor


class DepthCrafter(ClipModel):
    """Any checkpoint of DepthCrafter.

    Values are those of the published pipeline before its last step, which stretches each clip to
    0 to 1. That step is left out, because the fit of a scale and a shift, which converts values to
    1/m, would undo it, and because it needs the whole clip first.
    """

    def __init__(self, entry: ModelEntry, parts: parts.Parts, options: ClipOptions) -> None:
        self.entry, self.parts, self.options = entry, parts, options
        self._device = torch.device(options.device)
        self._dtype: torch.dtype = getattr(torch, options.dtype)
        self._time_ids = torch.tensor([_FPS, _MOTION, _NOISE], device=self._device)

    @classmethod
    def load(cls, entry: ModelEntry, options: ClipOptions) -> DepthCrafter:
        """Load a checkpoint; raises the errors of parts.load."""
        return cls(entry, parts.load(entry, getattr(torch, options.dtype)), options)

    def predict_clip(
        self,
        frames: Callable[[int], Rgb],
        count: int,
        seed: int = 42,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[Values]:
        """Yield inverse depth of 0 to 1, see ClipModel; the same seed gives the same values.

        For a clip of any length, only the latents of one window and the images of one chunk are
        in memory.
        """
        if count < 1:
            raise ModelError(f"the clip has {count} frames, expected at least 1")
        spans = windows(count, self.options.window, self.options.overlap)
        return self._predict(map(frames, range(count)), spans, seed, progress)

    @torch.inference_mode()
    def _predict(
        self,
        rgb: Iterator[Rgb],
        spans: Sequence[range],
        seed: int,
        progress: Callable[[float], None] | None,
    ) -> Iterator[Values]:
        first = next(rgb)
        height, width = first.shape[:2]
        size = images.network_size(height, width, self.options.max_side_px)
        # On the CPU, so that a seed gives the same noise on every device.
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(self._latent_shape(len(spans[0]), size), generator=generator)
        conditions = self._conditions(_alike(chain([first], rgb)), spans, size, generator)
        steps = 0

        def tick() -> None:
            nonlocal steps
            steps += 1
            if progress is not None:
                progress(steps / (len(spans) * self.options.steps))

        def solve(span: range, tail: Tensor | None) -> Tensor:
            own = noise[[frame % len(noise) for frame in span]].to(self._device)
            return self._denoised(own, tail, next(conditions), tick)

        for latents in rechunked(stitched(spans, solve), self.options.chunk):
            values = images.from_network(self._decoded(latents), (height, width))
            yield from values.cpu().numpy()

    def _conditions(
        self,
        rgb: Iterator[Rgb],
        spans: Iterable[range],
        size: tuple[int, int],
        generator: torch.Generator,
    ) -> Iterator[Condition]:
        """Yield the condition of each window; every frame is encoded once."""
        known: list[Tensor] = []
        stop = 0
        for span in spans:
            new = self._encoded(islice(rgb, span.stop - stop), size, generator)
            shared = (old[len(old) - (stop - span.start) :] for old in known)
            known = [torch.cat(pair) for pair in zip(shared, new, strict=True)] if stop else [*new]
            stop = span.stop
            yield Condition(*known)

    def _encoded(
        self, rgb: Iterator[Rgb], size: tuple[int, int], generator: torch.Generator
    ) -> Condition:
        """Return the condition of frames; the generator draws their noise in order."""
        encoder, vae = self.parts.image_encoder, self.parts.vae
        latents, embeddings = [], []
        with self._at_work(encoder), self._at_work(vae):
            while batch := list(islice(rgb, self.options.chunk)):
                pixels = images.to_network(torch.from_numpy(np.stack(batch)).to(self._device), size)
                noise = torch.randn(pixels.shape, generator=generator).to(self._device)
                noisy = (pixels + _NOISE * noise).to(vae.quant_conv.weight.dtype)
                # As in training, these latents are not scaled to unit variance; those of depth are.
                latents.append(vae.encode(noisy).latent_dist.mode().float())
                embeddings.append(encoder(self._to_embed(pixels)).image_embeds)
        return Condition(torch.cat(latents), torch.cat(embeddings))

    def _to_embed(self, pixels: Tensor) -> Tensor:
        side_px = self.parts.image_encoder.config.image_size
        mean, std = (colour.to(self._device) for colour in (self.parts.mean, self.parts.std))
        return images.to_embed(pixels, side_px, mean, std).to(self._dtype)

    def _denoised(
        self, noise: Tensor, tail: Tensor | None, condition: Condition, tick: Callable[[], None]
    ) -> Tensor:
        """Return the latents (T, C, h, w) of one window's depth."""
        with self._at_work(self.parts.unet) as unet:

            def denoise(noisy: Tensor, timestep: Tensor) -> Tensor:
                tick()
                sample = torch.cat([noisy, condition.latents], 1).to(self._dtype)
                timestep = timestep.to(self._device)
                output: Tensor = unet(sample, timestep, condition.embeddings, self._time_ids)
                return output

            return euler(denoise, self.parts.scheduler, self.options.steps, noise, tail)

    def _decoded(self, latents: Tensor) -> Tensor:
        """Return the images (N, 3, h, w) of latents, decoded together.

        The decoder's layers mix neighbouring frames and normalise over all N frames. Before the
        first and after the last frame it pads with zeros.
        """
        with self._at_work(self.parts.vae) as vae:
            unscaled = (latents / vae.config.scaling_factor).to(self._dtype)
            decoded: Tensor = vae.decode(unscaled, num_frames=len(unscaled)).sample
            return decoded

    def _latent_shape(self, frames: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
        config = self.parts.vae.config
        shrunk = 2 ** (len(config.block_out_channels) - 1)
        return frames, config.latent_channels, size[0] // shrunk, size[1] // shrunk

    @contextmanager
    def _at_work(self, network: Any) -> Iterator[Any]:
        """Move a network to the device; with offload, back to the CPU afterwards."""
        yield network.to(self._device)
        if self.options.offload:
            network.to("cpu")


def _alike(frames: Iterator[Rgb]) -> Iterator[Rgb]:
    """Yield images, all of the first one's size.

    Raises:
        ModelError: an image has another size, or is not uint8 (H, W, 3).
    """
    shape: tuple[int, ...] | None = None
    for index, rgb in enumerate(frames):
        shape = shape or (*rgb.shape[:2], 3)
        if rgb.shape != shape or rgb.dtype != np.uint8:
            raise ModelError(
                f"frame {index} is {rgb.dtype} {rgb.shape}, expected uint8 {shape} as all are"
            )
        yield rgb
