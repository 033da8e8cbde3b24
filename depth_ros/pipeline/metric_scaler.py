"""Predictions to metres: focal length correction, measured scale, and less flicker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.depth import limit_range
from depth_ros.models import Output, Prediction
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline.camera_state import CameraState
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.network_view import network_camera
from depth_ros.pipeline.turned import quarter_turns
from depth_ros.profile import Profile
from depth_ros.runtimes.upload import to_device
from depth_ros.scale.scaler import Reference, Scale

# Heads with a bounded range approach its end but hardly reach it (a sigmoid never does). Depth
# from this fraction of the range on counts as beyond range. Other heads have no end.
_SATURATION = 0.99


@dataclass(frozen=True)
class Scaled:
    """A prediction's values with the scale that makes them metric.

    Attributes:
        values: (H, W); metres if scale and factor are None.
        kind: of the values.
        scale: the measured scale; None: the model's own metres are used.
        far_m: end of the range: depth from here on is beyond range.
        factor: metres are values times this, and values are those of the estimate; None: the
            caller may overwrite values.
    """

    values: Tensor
    kind: Output
    scale: Scale | None
    far_m: float
    factor: float | None = None


@dataclass(frozen=True)
class Constant:
    """What makes the values of a metric model metres, if nothing is measured.

    Attributes:
        factor: see Scaled.
        far_m: see Scaled.
    """

    factor: float
    far_m: float


class MetricScaler:
    """Finds the scale that makes a model's values metric, frame by frame.

    Args:
        model: facts about the network.
        device: of its values.
        profile: measures the time of each stage.
    """

    def __init__(self, model: ModelFacts, device: torch.device, profile: Profile) -> None:
        self._model, self._profile = model, profile
        self._send = partial(to_device, device=device)
        # On the CPU, where the scale is fitted.
        self._rays = lru_cache(maxsize=4)(lambda camera: torch.from_numpy(camera.rays().copy()))

    def measure(
        self,
        estimate: Estimate,
        reference: Reference | None,
        settings: Settings,
        state: CameraState,
    ) -> Scaled:
        """Return the values of an estimate with their scale.

        Args:
            estimate: of a predictor.
            reference: see Pipeline.measure.
            settings: of this frame.
            state: of its camera; it is updated.

        Raises:
            ModelError: the model's values are not metres, and there is no reference for the scale.
            ScaleError: no scale was measured yet, or the last one is too old.
        """
        self._profile.begin("post")
        prediction, values = estimate.prediction, estimate.prediction.values[0]
        metric = prediction.output is Output.METRIC_DEPTH
        ratio = self._ratio(estimate.frame.camera, prediction, settings) if metric else 1.0
        steadied = metric and settings.scale_steady_s > 0
        if metric and isinstance(ratio, float) and _is_constant(settings):
            # The renderer multiplies: on a GPU together with all else, in its graph.
            return Scaled(values, prediction.output, None, self.far_m(ratio, settings), ratio)
        values = values * ratio
        if steadied:
            values = self._steadied(values, ratio, estimate.frame.stamp_ns, settings, state)
        scale = self._scale(values, estimate, reference, settings, state)
        self._profile.begin("post")
        self._check(scale, prediction.output)
        is_limited = steadied
        if scale is not None and scale.field is not None:
            values = self._corrected(values, scale, prediction.output, ratio)
            is_limited = is_limited or metric
        factor = torch.inf if is_limited else ratio * (scale.scale if scale else 1.0)
        far_m = min(self.far_m(factor, settings), scale.reach_m if scale else torch.inf)
        return Scaled(values, prediction.output, scale, far_m)

    def constant(self, camera: Camera, settings: Settings) -> Constant | None:
        """Return what measure() will use for metric values; None: it depends on the values.

        A network that estimates the focal length, or one that is not metric, needs measure().
        """
        if not _is_constant(settings):
            return None
        ratio = self.focal_ratio(camera, settings)
        return Constant(ratio, self.far_m(ratio, settings))

    def focal_ratio(
        self, camera: Camera, settings: Settings, prediction: Prediction | None = None
    ) -> float:
        """Return the factor that corrects depth for a focal length other than the model assumes.

        Source: Metric3D's canonical camera (arXiv 2307.10984). A network that estimates the focal
        length (Depth Pro) assumes its estimate.
        """
        if not settings.focal_correction:
            return 1.0
        camera = self._seen(camera, settings)
        if prediction is not None and prediction.f_px is not None:
            return camera.fx / float(prediction.f_px[0])
        if self._model.training_f_px is None:
            return 1.0
        return self._model.network_f_px(camera) / self._model.training_f_px

    def far_m(self, ratio: float | Tensor, settings: Settings) -> float:
        """Return the end of the range: max_depth_m, but at most the model's own range.

        Args:
            ratio: this camera's metres over the model's own; inf: values beyond the model's range
                are already +inf.
            settings: of this frame.
        """
        model_far_m = self._model_far_m(ratio)
        return min(settings.max_depth_m or model_far_m, model_far_m)

    def _ratio(self, camera: Camera, prediction: Prediction, settings: Settings) -> float | Tensor:
        """Return focal_ratio(); if the network estimates it on a GPU, without waiting for it."""
        f_px = prediction.f_px
        if f_px is None or f_px.device.type == "cpu" or not settings.focal_correction:
            return self.focal_ratio(camera, settings, prediction)
        return self._seen(camera, settings).fx / f_px[0].double()

    def _seen(self, camera: Camera, settings: Settings) -> Camera:
        """Return the camera of the image that the network sees."""
        return network_camera(camera, settings, self._model).turned(quarter_turns(settings))

    def _model_far_m(self, ratio: float | Tensor) -> float:
        if not self._model.max_depth_m:
            return torch.inf
        return _SATURATION * float(ratio) * self._model.max_depth_m

    def _corrected(
        self, values: Tensor, scale: Scale, output: Output, ratio: float | Tensor
    ) -> Tensor:
        """Return values (H, W) corrected by the field of a scale; metric ones are limited."""
        if output is Output.METRIC_DEPTH:  # before the factors move the end of the model's range
            limit_range(values, 0.0, self._model_far_m(ratio))
        return scale.corrected(values, output, self._send)

    def _check(self, scale: Scale | None, output: Output) -> None:
        """Refuse values that nothing makes metric."""
        if scale is None and output is not Output.METRIC_DEPTH:
            raise ModelError(
                f"model '{self._model.entry.name}' gives {output.value}, expected "
                f"{Output.METRIC_DEPTH.value}, or scale.mode:=ground or anchors"
            )

    def _steadied(
        self,
        values: Tensor,
        ratio: float | Tensor,
        stamp_ns: int,
        settings: Settings,
        state: CameraState,
    ) -> Tensor:
        """Return metric values (H, W) with less flicker of their scale, in place.

        Values beyond the model's own range (+inf) stay there for any factor: otherwise the range
        would flicker.
        """
        self._profile.begin("steady")
        limit_range(values, 0.0, self._model_far_m(ratio))
        return values.mul_(state.steadier.update(values, stamp_ns, settings.scale_steady_s))

    def _scale(
        self,
        values: Tensor,
        estimate: Estimate,
        reference: Reference | None,
        settings: Settings,
        state: CameraState,
    ) -> Scale | None:
        """Return the scale of a frame, measured on this frame if possible; None in mode model."""
        if settings.scale_mode == "model":
            return None
        self._profile.begin("scale")
        frame, kind = estimate.frame, estimate.prediction.output
        if reference is not None:
            state.scaler.update(
                values,
                kind.value,
                self._rays(frame.camera),
                reference,
                frame.stamp_ns,
                settings.scale_filter,
                settings.anchors_field,
            )
        return state.scaler.at(frame.stamp_ns, settings.scale_max_age_s)


def _is_constant(settings: Settings) -> bool:
    """Whether the scale of metric values does not depend on the values."""
    return settings.scale_mode == "model" and settings.scale_steady_s <= 0
