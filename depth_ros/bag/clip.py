"""Convert with a model that processes a whole recording: one pass for values, one for metres."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.bag import cameras
from depth_ros.bag.cameras import BagCamera, BagJob
from depth_ros.bag.groups import Groups
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.reader import Recording
from depth_ros.config import Settings
from depth_ros.errors import BagError, BagSettingError, CameraError, MessageError
from depth_ros.geometry.camera import Camera
from depth_ros.models import ClipModel, ModelEntry
from depth_ros.pipeline import Pipeline, clip_predictor
from depth_ros.pipeline.clip_predictor import ClipPredictor
from depth_ros.pipeline.network_view import NetworkViews
from depth_ros.pipeline.turned import quarter_turns
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.clip import ANCHORS, align_clip
from depth_ros.scale.ground import Mount
from depth_ros.scale.scaler import Reference, Scale


class _KeptFrame(NamedTuple):
    """The part of a frame that is kept between the two passes."""

    stamp_ns: int
    camera: Camera
    reference: Reference | None


def prepare(
    sources: Sequence[Path],
    model: ClipModel,
    settings: Settings,
    options: ConvertOptions,
    folder: Path,
) -> Pipeline:
    """Run a model over a recording's only camera, and fit one scale and shift for all frames.

    Values are kept for the second pass in an unnamed file in the folder, 4 bytes per pixel: memory
    use does not grow with the recording.

    Raises:
        BagError: as cameras.find(); there are several cameras, or no usable image.
        ModelError: the network failed.
        ScaleError: the recording does not determine the scale.
    """
    _check(sources, model.entry, settings, options)
    known = list(_first_pass(sources, model.entry, settings, options))
    if not known:
        raise BagError("no image of the recording can be used")
    if len({each.stamp_ns for each in known}) < len(known):
        raise BagError("several images have the same stamp, expected a unique stamp for each")
    camera = known[0].camera
    if any(each.camera != camera for each in known):
        raise BagError("the camera changes within the recording, expected one calibration")
    store = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - must outlive this function
    shape = (len(known), camera.height, camera.width)
    values = np.memmap(store, np.float32, "w+", shape=shape)
    _predict(sources, model, camera, settings, options, values)
    scale = None
    if settings.scale_mode != "model":
        scale = _fit(values, model.entry, [each.reference for each in known], camera)
    predictor = ClipPredictor(model.entry, values, [each.stamp_ns for each in known])
    return clip_predictor.pipeline(predictor, settings, scale)


def _fit(
    values: DepthArray,
    entry: ModelEntry,
    references: Sequence[Reference | None],
    camera: Camera,
) -> Scale:
    """Return the one scale of all frames."""
    rays = torch.from_numpy(camera.rays().copy())
    fit = align_clip(values, entry.output.value, references, rays)
    reaches_m = [known.reach_m for known in references if isinstance(known, Mount)]
    reach_m = max(reaches_m, default=float("inf"))
    return Scale(fit.scale, fit.shift, fit.deviation, 0.0, reach_m)


def _check(
    sources: Sequence[Path], entry: ModelEntry, settings: Settings, options: ConvertOptions
) -> None:
    """Raise now the errors that the second pass would raise after hours."""
    with Recording(*sources) as recording:
        options.check_part(recording.end_ns - recording.start_ns)
        _check_single_camera(
            cameras.find(recording, _placeholder_pipeline(entry, settings), options)
        )


def _placeholder_pipeline(entry: ModelEntry, settings: Settings) -> Pipeline:
    """Return a pipeline without any values, only to find the cameras with."""
    nothing = ClipPredictor(entry, np.empty((0, 0, 0), np.float32), ())
    return clip_predictor.pipeline(nothing, settings, None)


def _first_pass(
    sources: Sequence[Path], entry: ModelEntry, settings: Settings, options: ConvertOptions
) -> Iterator[_KeptFrame]:
    for job in tqdm(_frames(sources, entry, settings, options), desc="read", unit="frame"):
        reference = job.find_reference()
        if isinstance(reference, Anchors):
            reference = reference.thinned(ANCHORS)  # they are kept for the whole recording
        yield _KeptFrame(job.frame.stamp_ns, job.frame.camera, reference)


def _predict(
    sources: Sequence[Path],
    model: ClipModel,
    camera: Camera,
    settings: Settings,
    options: ConvertOptions,
    values: DepthArray,
) -> None:
    """Fill values (T, H, W) with the network's output."""
    frames = _frames(sources, model.entry, replace(settings, scale_mode="model"), options)
    with tqdm(desc=model.entry.name, unit="%", total=100) as bar:

        def report(share: float) -> None:
            bar.update(100 * share - bar.n)

        turns = quarter_turns(settings)
        facts = _placeholder_pipeline(model.entry, settings).model
        view = NetworkViews(facts, lambda values: values).of(camera, settings)

        def upright(index: int) -> ImageArray:
            seen = view.image(torch.from_numpy(next(frames).frame.rgb.copy()))
            return np.ascontiguousarray(np.rot90(seen.numpy(), -turns))

        for index, frame in enumerate(model.predict_clip(upright, len(values), progress=report)):
            turned = torch.from_numpy(np.rot90(frame, turns).copy())
            values[index] = view.values(turned[None])[0].numpy()


def _frames(
    sources: Sequence[Path], entry: ModelEntry, settings: Settings, options: ConvertOptions
) -> Iterator[BagJob]:
    """Yield the usable frames to convert, with their references."""
    quiet = replace(options, extras=(), only_depth=True)
    with Recording(*sources) as recording, ThreadPoolExecutor(options.jobs) as pool:
        found = cameras.find(recording, _placeholder_pipeline(entry, settings), quiet)
        groups = Groups(recording, found, options, skip=0)
        for group in groups.read(pool):
            for item in group:
                if item.image is None:
                    continue
                try:
                    yield item.image.camera.job(item.image)
                except (MessageError, CameraError):
                    continue  # the second pass reports it


def _check_single_camera(found: dict[str, BagCamera]) -> None:
    if len(found) > 1:
        raise BagSettingError(
            f"cameras are {', '.join(found)}, expected one: choose it with --image, because this "
            "model processes whole recordings of one camera"
        )
