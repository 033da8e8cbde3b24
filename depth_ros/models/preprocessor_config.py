"""The preprocessing that a preprocessor_config.json of transformers describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from depth_ros.errors import ModelError
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.resizing import Fit, Resize

# Meaning of `resample` in a preprocessor_config.json (Pillow's number), for each processor.
_RESAMPLE: dict[Resize, dict[int, Resize]] = {
    "bilinear": {2: "bilinear"},
    "bilinear_corners": {2: "bilinear_corners"},
    "pillow_bilinear": {2: "pillow_bilinear", 3: "pillow_bicubic"},
    "pillow_bicubic": {2: "pillow_bilinear", 3: "pillow_bicubic"},
}


def preprocessing_of(config: dict[str, Any], defaults: Preprocessing) -> Preprocessing:
    """Read a preprocessor_config.json; missing values and null are the defaults.

    Raises:
        ModelError: it contains an option that is unsupported, because no published checkpoint
            uses it, or a value is of the wrong type or out of its range.
    """
    config = {key: value for key, value in config.items() if value is not None}
    size = config.get("size", {})
    size = {"height": size, "width": size} if isinstance(size, int) else size
    if not isinstance(size, dict):
        raise ModelError(f"size is {size!r}, expected a number, or height and width")
    resize = _resize(config, defaults.resize)
    multiple, pad = _multiple_and_pad(config, resize, defaults)
    return Preprocessing(
        height=size.get("height", defaults.height),
        width=size.get("width", defaults.width),
        multiple=multiple,
        fit=_fit(config, defaults.fit),
        pad=pad,
        resize=resize,
        mean=_share(config, "image_mean", defaults.mean),
        std=_share(config, "image_std", defaults.std),
    )


def _resize(config: dict[str, Any], default: Resize) -> Resize:
    if not config.get("do_resize", True):
        return "none"
    known = _RESAMPLE[default]
    resample = config.get("resample")
    if resample is None:
        return default
    if not isinstance(resample, int) or resample not in known:
        raise ModelError(f"resample is {resample}, expected one of {', '.join(map(str, known))}")
    return known[resample]


def _fit(config: dict[str, Any], default: Fit) -> Fit:
    """Return the fit that keep_aspect_ratio means; the file does not define how it is kept."""
    keep = config.get("keep_aspect_ratio")
    if keep is None:
        return default
    kept: Fit = "minimal" if default == "warp" else default
    return kept if keep else "warp"


def _multiple_and_pad(
    config: dict[str, Any], resize: Resize, defaults: Preprocessing
) -> tuple[int, bool]:
    multiple = config.get("ensure_multiple_of", defaults.multiple)
    pad = config.get("do_pad", defaults.pad)
    if resize == "bilinear_corners":
        return multiple, pad
    # All except ZoeDepth pad to a multiple of size_divisor, and only if it is given.
    divisor = config.get("size_divisor") if pad else None
    for name, value in (("size_divisor", divisor), ("ensure_multiple_of", multiple)):
        if value is not None and (type(value) is not int or value < 1):
            raise ModelError(f"{name} is {value!r}, expected a positive integer")
    if resize == "none":
        return divisor or 1, divisor is not None
    if divisor and multiple % divisor:
        raise ModelError(
            f"size_divisor is {divisor} after a resize to multiples of {multiple}, "
            "expected a divisor of it"
        )
    return multiple, False


def _share(config: dict[str, Any], key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return a mean or deviation of colours as fractions of full scale, one for each colour."""
    if not config.get("do_normalize", True):
        return (0.0, 0.0, 0.0) if key == "image_mean" else (1.0, 1.0, 1.0)
    value = config.get(key, default)
    values: Sequence[Any] = value if isinstance(value, Sequence) else [value] * 3
    # Without rescaling the statistics are in levels of 0 to 255.
    factor = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    if not _is_number(factor) or not factor > 0:
        raise ModelError(f"rescale_factor is {factor!r}, expected a positive number")
    if not all(map(_is_number, values)):
        raise ModelError(f"{key} is {value!r}, expected three numbers")
    return tuple(level / (255 * factor) for level in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
