"""DINOv2's vision transformer (arXiv 2304.07193), with the names of its authors' weights.

Networks that were trained from the authors' own code are loaded as they are; transformers' DINOv2
has other names and another rule for positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH_PX = 14
_HEAD = 64  # channels of one attention head, in every size
_EPS = 1e-6
_CUBIC = -0.75  # torch's bicubic
_OFFSET = 0.1


class Size(NamedTuple):
    """What the sizes of DINOv2 differ in, and the grid of positions that it was trained with."""

    width: int
    depth: int
    side: int = 37

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], prefix: str) -> Size:
        """Return the size of a network by its weights, whose names have this prefix.

        Raises:
            KeyError: the weights are of no DINOv2.
        """
        positions = weights[f"{prefix}pos_embed"]
        start = f"{prefix}blocks."
        blocks = {name[len(start) :].split(".")[0] for name in weights if name.startswith(start)}
        side = round((positions.shape[1] - 1) ** 0.5)
        return cls(positions.shape[2], len(blocks), side)


class Features(NamedTuple):
    """What a layer says, normalised: of the patches (B, N, C), and of the whole image (B, C)."""

    patches: Tensor
    whole: Tensor


class DinoV2(nn.Module):
    """The transformer with an MLP in its blocks: ViT-S, B and L of patches of 14 px.

    Args:
        size: of the network.
        norm_eps: of the last normalisation; those of the blocks have 1e-6.
    """

    def __init__(self, size: Size, norm_eps: float = _EPS) -> None:
        super().__init__()
        self.size = size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, size.side**2 + 1, size.width))
        self.patch_embed = _Patches(size.width)
        self.blocks = nn.ModuleList(_Block(size.width) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width, norm_eps)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[Features]:
        """Return what some layers say of normalised images.

        Args:
            pixels: (B, 3, h, w), sides multiples of 14.
            layers: indices, ascending.
        """
        patches = self.patch_embed(pixels)
        positions = self._positions(*patches.shape[-2:]).to(patches.dtype)
        tokens = patches.flatten(2).transpose(1, 2) + positions
        whole = (self.cls_token + self.pos_embed[:, :1]).expand(tokens.shape[0], -1, -1)
        tokens, said = torch.cat([whole, tokens], dim=1), []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in layers:
                normed = self.norm(tokens)
                said.append(Features(normed[:, 1:], normed[:, 0]))
        return said

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return the embedding of positions (rows * columns, C), bicubic between the trained ones.

        As upstream's, whose scale is of 0.1 more cells than there are: not for the trained grid of
        37x37 itself, which it leaves as it is.
        """
        side = self.size.side
        grid = self.pos_embed[0, 1:].float().reshape(side, side, -1)
        down, across = (_cubic(count, side, grid.device) for count in (rows, columns))
        return torch.einsum("ij,kl,jlc->ikc", down, across, grid).flatten(0, 1)


def _cubic(count: int, side: int, device: torch.device) -> Tensor:
    """Return the weights (count, side) of bicubic interpolation along one axis.

    Arithmetic alone, so that an exported graph may have open sizes.
    """
    cells = torch.arange(side, device=device, dtype=torch.float32)
    centres = torch.arange(count, device=device, dtype=torch.float32) + 0.5
    at = centres * (side / (count + _OFFSET)) - 0.5
    first = at.floor()
    weights = torch.zeros_like(at)[:, None] * cells
    for step in (-1, 0, 1, 2):  # neighbours beyond the border are the border
        near = (first + step).clamp(0, side - 1)
        one = (near[:, None] == cells).float()
        weights = weights + one * _kernel((at - first - step).abs())[:, None]
    return weights


def _kernel(distance: Tensor) -> Tensor:
    """Return the cubic convolution kernel at distances of 0 to 2 cells (Keys, 1981)."""
    a, x = _CUBIC, distance
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return torch.where(x <= 1, inner, outer)


class _Patches(nn.Module):
    """Turns patches of an image into tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, PATCH_PX)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.proj(pixels)
        return patches


class _Scale(nn.Module):
    """Scales a residual branch, channel by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class _Attention(nn.Module):
    """Self-attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // _HEAD
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        split = self.qkv(tokens).unflatten(-1, (3, self.heads, _HEAD))
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        said: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return said


class _Mlp(nn.Module):
    """Two layers with GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        said: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return said


class _Block(nn.Module):
    """A layer of the transformer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, _EPS), nn.LayerNorm(width, _EPS)
        self.attn, self.mlp = _Attention(width), _Mlp(width)
        self.ls1, self.ls2 = _Scale(width), _Scale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        mixed: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return mixed
