"""What a network sees of a camera's image: the image itself, or that of a virtual pinhole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import VirtualView, virtual_pinhole
from depth_ros.models import Prediction
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.recent import Recent
from depth_ros.scale.anchors import Anchors


def network_camera(camera: Camera, settings: Settings, model: ModelFacts) -> Camera:
    """Return the camera of the image that a network sees, before it is rotated.

    A denoising model (GRIN) sees the camera's own image: it uses the rays of any lens.
    """
    if settings.undistort == "off" or model.denoises:
        return camera
    if settings.undistort == "auto" and camera.lens != "equidistant":
        return camera
    return virtual_pinhole(camera) or camera


@dataclass(frozen=True)
class NetworkView:
    """What a network sees of a camera's image.

    Attributes:
        camera: of the image that the network sees.
        virtual: makes that image; None: it is the camera's own.
    """

    camera: Camera
    virtual: VirtualView | None = None

    def image(self, rgb: Tensor) -> Tensor:
        """Return what the network sees of an image, uint8 (H, W, 3)."""
        return rgb if self.virtual is None else self.virtual.image(rgb[None])[0]

    def anchors(self, anchors: Anchors) -> Anchors:
        """Return the anchors that the network sees, on the pixels of its image."""
        if self.virtual is None:
            return anchors
        pixels = self.virtual.pixels(anchors.pixels)
        seen = ~np.isnan(pixels).any(axis=1)
        return Anchors(pixels[seen], anchors.depth_m[seen])

    def values(self, maps: Tensor) -> Tensor:
        """Return maps (B, h, w) of the network's image on the pixels of the camera's own."""
        return maps if self.virtual is None else self.virtual.values(maps)

    def restored(self, prediction: Prediction) -> Prediction:
        """Return the prediction for an image on the pixels of the camera's own."""
        if self.virtual is None:
            return prediction
        confidence, size = prediction.confidence, prediction.network_size
        # The network's map is enlarged by the factor at the centre, where resolutions are equal.
        share = self.virtual.camera.width / self.camera.width
        return replace(
            prediction,
            values=self.values(prediction.values),
            confidence=None if confidence is None else self.values(confidence),
            network_size=size and (round(size[0] * share), round(size[1] * share)),
        )


class NetworkViews:
    """The views of a network's cameras; keeps the most recently used ones.

    Args:
        model: facts about the network.
        send: copies a tensor from the host to the device of the images.
    """

    def __init__(self, model: ModelFacts, send: Callable[[Tensor], Tensor]) -> None:
        self._model, self._send = model, send
        self._virtual = Recent[Camera, VirtualView]()

    def of(self, camera: Camera, settings: Settings) -> NetworkView:
        """Return what the network sees of a camera's image."""
        seen = network_camera(camera, settings, self._model)
        if seen is camera:
            return NetworkView(camera)
        virtual = self._virtual.get(camera) or VirtualView(camera, seen, self._send)
        self._virtual.put(camera, virtual)
        return NetworkView(seen, virtual)
