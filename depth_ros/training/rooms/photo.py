"""A camera's image from light: exposure, white balance, lens and noise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SHOULDER = 0.8
_READ_NOISE = 0.15  # share of the noise that does not depend on the light


def develop(linear: Tensor, photo: Tensor, generator: torch.Generator) -> Tensor:
    """Return images, uint8 (B, H, W, 3).

    Args:
        linear: (B, 3, H, W) light.
        photo: (B, 8), see Photo.row().
        generator: random generator of the noise.
    """
    brightness, vignetting, blur_px, noise, gamma = (
        photo[:, i, None, None, None] for i in (0, 4, 5, 6, 7)
    )
    mean = linear.clamp(max=4).mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-4)
    exposed = linear * (brightness / mean) * photo[:, 1:4, None, None]
    exposed = exposed * _vignette(linear, vignetting)
    exposed = _blurred(exposed, blur_px)
    random = torch.randn(exposed.shape, generator=generator, device=linear.device)
    # Shot noise grows with the root of the light (Foi et al., "Practical Poissonian-Gaussian noise
    # modeling", 2008).
    spread = noise * (_READ_NOISE**2 + exposed.clamp(0, 1)).sqrt()
    encoded = _shoulder((exposed + spread * random).clamp(min=0)).pow(1 / gamma)
    return (255 * encoded + 0.5).clamp(0, 255).to(torch.uint8).movedim(1, -1).contiguous()


def _vignette(linear: Tensor, missing: Tensor) -> Tensor:
    height, width = linear.shape[-2:]
    y = torch.linspace(-1, 1, height, device=linear.device)[:, None]
    x = torch.linspace(-1, 1, width, device=linear.device)
    return 1 - missing * (x * x + y * y)[None, None] / 2


def _blurred(image: Tensor, sigma_px: Tensor) -> Tensor:
    """Blur images by Gaussians of up to about a pixel."""
    side = torch.exp(-0.5 / sigma_px.clamp(min=0.05).square())
    middle = 1 / (1 + 2 * side)
    for pad, axis in (((0, 0, 1, 1), 2), ((1, 1, 0, 0), 3)):
        padded = functional.pad(image, pad, mode="replicate")
        size = image.shape[axis]
        before, after = padded.narrow(axis, 0, size), padded.narrow(axis, 2, size)
        image = middle * (image + side * (before + after))
    return image


def _shoulder(light: Tensor) -> Tensor:
    """Compress values above _SHOULDER, so that highlights saturate smoothly."""
    span = 1 - _SHOULDER
    over = (light - _SHOULDER).clamp(min=0)
    return torch.where(light > _SHOULDER, _SHOULDER + span * (1 - torch.exp(-over / span)), light)
