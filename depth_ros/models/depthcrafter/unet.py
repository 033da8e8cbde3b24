"""Stable Video Diffusion's UNet with an image embedding for every frame."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class PerFrameUNet(nn.Module):
    """diffusers' UNetSpatioTemporalConditionModel with an image embedding for each frame.

    The original network repeats one embedding for a whole video; DepthCrafter was trained with the
    same layers and one embedding for each frame. With equal embeddings both agree.
    """

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, sample: Tensor, timestep: Tensor, embeddings: Tensor, time_ids: Tensor
    ) -> Tensor:
        """Denoise a clip of T frames.

        Args:
            sample: (T, C, h, w) scaled noisy latents, concatenated with their condition; h and w
                are multiples of two to the number of upsamplings.
            timestep: () the noise level, from the scheduler.
            embeddings: (T, D) of the frames.
            time_ids: (3,) frame rate, motion and noise of the condition.

        Returns: (T, C', h, w) the scheduler's model output.
        """
        unet, frames = self.unet, len(sample)
        common = {
            "temb": self._time(timestep, time_ids, sample.dtype).expand(frames, -1),
            "image_only_indicator": sample.new_zeros(1, frames),
        }
        crossing = {**common, "encoder_hidden_states": embeddings[:, None]}

        def arguments(block: Any) -> dict[str, Tensor]:
            return crossing if getattr(block, "has_cross_attention", False) else common

        sample = unet.conv_in(sample)
        skips = [sample]
        for block in unet.down_blocks:
            sample, more = block(hidden_states=sample, **arguments(block))
            skips.extend(more)
        sample = unet.mid_block(hidden_states=sample, **crossing)
        for block in unet.up_blocks:
            split = len(skips) - len(block.resnets)
            skips, taken = skips[:split], tuple(skips[split:])
            sample = block(hidden_states=sample, res_hidden_states_tuple=taken, **arguments(block))
        answer: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(sample)))
        return answer

    def _time(self, timestep: Tensor, time_ids: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the embedding (1, E) of the noise level and the time ids.

        The sinusoids are float32 for every precision of the network.
        """
        unet = self.unet
        level: Tensor = unet.time_embedding(unet.time_proj(timestep[None]).to(dtype))
        ids: Tensor = unet.add_embedding(unet.add_time_proj(time_ids).reshape(1, -1).to(dtype))
        return level + ids
