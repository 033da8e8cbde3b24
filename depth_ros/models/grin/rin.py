"""The denoiser: a Recurrent Interface Network (arXiv 2212.11972) over a set of pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.models.grin.config import GrinConfig

_LONGEST = 1e4
_GAMMA_UNIT = 1000.0


def embed_level(gamma: Tensor, width: int) -> Tensor:
    """Return sinusoids (B, width) of noise levels gamma (B,), times 1000 as in RIN's code."""
    steps = torch.arange(width // 2, device=gamma.device) / (width // 2)
    angles = gamma[:, None] * _GAMMA_UNIT * torch.exp(-math.log(_LONGEST) * steps)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Attention(nn.Module):
    """Queries (B, N, dim) attend to a context (B, M, context_dim), or to themselves.

    Both are normalised first. The caller adds the result to the queries. The width is the smaller
    of the two dimensions, as in RIN.
    """

    def __init__(self, dim: int, heads: int, context_dim: int | None = None) -> None:
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(dim)
        self.context_norm = None if context_dim is None else nn.LayerNorm(context_dim)
        context_dim = context_dim or dim
        width = min(dim, context_dim)
        self.queries = nn.Linear(dim, width)
        self.keys_values = nn.Linear(context_dim, 2 * width)
        self.out = nn.Linear(width, dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the attention of x (B, N, dim) to its context; None: to itself."""
        normed = self.norm(x)
        source = normed if self.context_norm is None else self.context_norm(context)
        keys, values = self.keys_values(source).chunk(2, dim=-1)
        attended = functional.scaled_dot_product_attention(
            self._split(self.queries(normed)), self._split(keys), self._split(values)
        )
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class Mlp(nn.Sequential):
    """A residual branch (..., dim) -> (..., dim) that normalises first."""

    def __init__(self, dim: int, ratio: int = 4) -> None:
        hidden = ratio * dim
        super().__init__(
            nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)
        )


class Layer(nn.Module):
    """A transformer layer among latents (B, L, dim)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attend, self.mlp = Attention(dim, heads), Mlp(dim)

    def forward(self, latents: Tensor) -> Tensor:
        """Return new latents."""
        latents = latents + self.attend(latents)
        result: Tensor = latents + self.mlp(latents)
        return result


class Block(nn.Module):
    """Read the interface into the latents, compute there, write back (RIN, figure 2).

    The global conditioning is read separately from the interface ("decoupled read" of RIN's code),
    so that its weight is independent of the number of pixels.
    """

    def __init__(self, config: GrinConfig) -> None:
        super().__init__()
        latent, token, heads = config.latent_dim, config.token_dim, config.heads
        self.read_scene = Attention(latent, heads, latent)
        self.read = Attention(latent, heads, token)
        self.read_mlp = Mlp(latent)
        self.compute = nn.ModuleList(Layer(latent, heads) for _ in range(config.layers))
        self.write = Attention(token, heads, latent)
        self.write_mlp = Mlp(token, ratio=2)

    def forward(self, latents: Tensor, tokens: Tensor, scene: Tensor) -> tuple[Tensor, Tensor]:
        """Return new latents (B, L, latent_dim) and tokens (B, N, token_dim)."""
        latents = latents + self.read_scene(latents, scene)
        latents = latents + self.read(latents, tokens)
        latents = latents + self.read_mlp(latents)
        for layer in self.compute:
            latents = layer(latents)
        tokens = tokens + self.write(tokens, latents)
        return latents, tokens + self.write_mlp(tokens)


class Rin(nn.Module):
    """Predicts v of a set of noisy pixels: any number, any positions, any order."""

    casts_itself = True

    def __init__(self, config: GrinConfig) -> None:
        super().__init__()
        latent, token = config.latent_dim, config.token_dim
        self.first_latents = nn.Parameter(0.02 * torch.randn(config.latents, latent))
        self.level = nn.Sequential(
            nn.Linear(latent, 2 * latent), nn.SiLU(), nn.Linear(2 * latent, latent)
        )
        self.level_on_tokens = nn.Linear(latent, token)
        self.before = Mlp(latent)
        self.before_norm = nn.LayerNorm(latent)
        # Training starts without an influence of earlier latents (RIN, section 3.3).
        nn.init.zeros_(self.before_norm.weight)
        # Stem and head are float32 also under autocast: bfloat16 cannot resolve the values.
        self.stem = nn.Linear(1, token)
        self.stem_norm = nn.LayerNorm(token)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.head_norm = nn.LayerNorm(token)
        self.head = nn.Linear(token, 1)
        nn.init.zeros_(self.head.weight)

    def forward(
        self, x: Tensor, gamma: Tensor, local: Tensor, scene: Tensor, before: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return v (B, N), float32, and the latents (B, L, latent_dim) for the next step.

        Args:
            x: (B, N) noisy values.
            gamma: (B,) noise levels.
            local: (B, N, token_dim) conditioning of each pixel.
            scene: (B, M, latent_dim) conditioning of the whole image.
            before: (B, L, latent_dim) latents of the step before; zeros in the first step.
        """
        dtype = self.stem.weight.dtype
        level = self.level(embed_level(gamma.float(), scene.shape[-1]).to(dtype))
        before = before.to(dtype)
        latents = self.first_latents + self.before_norm(before + self.before(before))
        # The noise level is an additional latent, and is added to every pixel's token.
        latents = torch.cat([latents, level[:, None]], dim=1)
        stem = x[..., None] * self.stem.weight[:, 0].float() + self.stem.bias.float()
        tokens = stem.to(dtype) + local.to(dtype)
        tokens = self.stem_norm(tokens + self.level_on_tokens(level)[:, None])
        scene = scene.to(dtype)
        for block in self.blocks:
            latents, tokens = block(latents, tokens, scene)
        normed = self.head_norm(tokens).float()
        v = (normed * self.head.weight[0].float()).sum(-1) + self.head.bias.float()
        return v, latents[:, :-1]
