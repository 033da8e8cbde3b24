"""Compute depth of pictures, videos and webcams, and write it to files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import numpy as np
from tqdm import tqdm

from depth_ros.arrays import ImageArray
from depth_ros.errors import CameraError, FrameError, MessageError, ScaleError, one_line
from depth_ros.estimator import Depth, Estimator, Stream
from depth_ros.infer import cameras, pictures
from depth_ros.infer.outputs import OutputFiles
from depth_ros.infer.pictures import Picture
from depth_ros.infer.sources import Source
from depth_ros.infer.videos import Capture, Reader, VideoFrame, open_source
from depth_ros.viz.panel import Range, round_range
from depth_ros.viz.video import Video

# Errors of a single image, after which the next one is processed.
_SKIPPED = (CameraError, FrameError, MessageError, ScaleError)


class Viewer(Protocol):
    """Shows results."""

    def show(self, rgb: ImageArray, colour: ImageArray) -> None:
        """Show an image and its depth in colour."""


@dataclass
class InferSummary:
    """Summary of a run.

    Attributes:
        answered: number of pictures and frames with depth.
        skipped: the first error of each source that has images without depth.
        counts: number of images without depth, by source.
        interrupted: whether the user stopped it.
        camera: describes the first camera that is known from EXIF data; empty if none is.
    """

    answered: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False
    camera: str = ""

    def skip(self, source: Source, error: Exception) -> None:
        """Count a picture or frame without depth."""
        name = str(source.path)
        self.skipped.setdefault(name, one_line(error))
        self.counts[name] += 1


class Run:
    """Estimates depth of sources and writes it.

    Args:
        estimator: the model.
        outputs: writes the files.
        most: maximum number of frames of each video or webcam; None: all.
        viewer: shows the results; None: they are not shown.
        own_colours: whether colours span a round range of depth for each picture, or for a
            video's first frame; otherwise they span the range in the settings.
        opener: opens a video or webcam.
    """

    def __init__(
        self,
        estimator: Estimator,
        outputs: OutputFiles,
        most: int | None = None,
        own_colours: bool = False,
        viewer: Viewer | None = None,
        opener: Callable[[Source], Capture] = open_source,
    ) -> None:
        self._estimator, self._outputs = estimator, outputs
        self._most, self._viewer, self._opener = most, viewer, opener
        self._own_colours = own_colours
        self._ranges: dict[Source, Range] = {}
        self._summary = InferSummary()

    def __call__(self, sources: list[Source]) -> InferSummary:
        """Process sources in order; Ctrl-C stops and keeps the results so far.

        Images that cannot be read, or have no camera or scale, are skipped and counted.

        Raises:
            ModelError: the network fails, or is not metric.
            SettingError: no video can be written.
            OSError: a file cannot be written.
        """
        known = sum(source.kind == "picture" for source in sources)
        with tqdm(desc="infer", unit="image", total=known) as bar:
            try:
                for source in sources:
                    work = self._picture if source.kind == "picture" else self._video
                    work(source, bar)
            except KeyboardInterrupt:
                self._summary.interrupted = True
        return self._summary

    def _picture(self, source: Source, bar: tqdm) -> None:
        try:
            picture = pictures.read(source.path, self._estimator.settings.max_image_pixels)
            camera = cameras.camera(self._estimator.settings, picture)
            depth = self._estimator(picture.rgb, camera)
        except _SKIPPED as error:
            self._summary.skip(source, error)
        else:
            if not self._estimator.settings.gives_camera and not self._summary.camera:
                self._summary.camera = cameras.described(source, camera, picture.exif)
            colour = self._coloured(source, picture.rgb, depth)
            self._outputs.picture(source, depth, colour)
            self._summary.answered += 1
        bar.update()

    def _video(self, source: Source, bar: tqdm) -> None:
        try:
            reader = Reader(source, self._estimator.settings.max_image_pixels, self._opener)
        except FrameError as error:
            self._summary.skip(source, error)
            return
        _expect(bar, reader.count, self._most)
        try:
            self._frames(source, reader, bar)
        except FrameError as error:  # of the reader; errors of frames were handled
            self._summary.skip(source, error)
        finally:
            reader.close()

    def _frames(self, source: Source, reader: Reader, bar: tqdm) -> None:
        film, stream = self._outputs.film(source), self._estimator.stream()
        try:
            for index, frame in enumerate(islice(reader.frames(), self._most)):
                self._frame(source, index, frame, stream, film)
                bar.update()
        finally:
            film.close()

    def _frame(
        self, source: Source, index: int, frame: VideoFrame, stream: Stream, film: Video
    ) -> None:
        try:
            camera = cameras.camera(self._estimator.settings, Picture(frame.rgb))
            depth = stream(frame.rgb, camera, frame.stamp_ns)
        except _SKIPPED as error:
            self._summary.skip(source, error)
            return
        self._outputs.frame(source, index, depth)
        film.add(frame.stamp_ns, self._coloured(source, frame.rgb, depth))
        self._summary.answered += 1

    def _coloured(self, source: Source, rgb: ImageArray, depth: Depth) -> ImageArray:
        """Return depth in colour, and show it."""
        if self._own_colours and np.isfinite(depth.depth_m).any():
            self._ranges.setdefault(source, round_range(depth.depth_m))
        colour = depth.colour(*self._ranges.get(source, ()))
        if self._viewer:
            self._viewer.show(rgb, colour)
        return colour


def _expect(bar: tqdm, count: int | None, most: int | None) -> None:
    """Add a video's frames to the bar's total; with a webcam, the total is unknown."""
    limits = [limit for limit in (count, most) if limit is not None]
    bar.total = bar.total + min(limits) if limits and bar.total is not None else None
    bar.refresh()
