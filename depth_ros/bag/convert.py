"""Convert a recording: write depth for each of its images, in order, into a new recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tqdm import tqdm

from depth_ros import calibration
from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.bag import cameras
from depth_ros.bag.groups import Group, Groups
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.outputs import Answered, Encoded
from depth_ros.bag.reader import Recording
from depth_ros.bag.references import is_static_tf
from depth_ros.bag.resume import Progress
from depth_ros.bag.splits import SplitBag, locked
from depth_ros.bag.summary import ConvertSummary
from depth_ros.bag.types import Topic
from depth_ros.errors import BagError, BagSettingError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Pipeline


class Watcher(Protocol):
    """Receives every frame of a conversion that has metric depth, in order."""

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: ImageArray,
        depth_m: DepthArray,
        camera: Camera,
        confidence: DepthArray | None = None,
    ) -> None:
        """Receive a frame: camera's name, image (H, W, 3), z-depth (H, W) with NaN and +inf.

        Confidence (H, W), 0 to 1, is passed if the conversion writes it.
        """

    def close(self) -> None:
        """Finish; no frame follows."""


def convert(
    sources: Sequence[Path],
    out: Path,
    pipeline: Pipeline,
    options: ConvertOptions | None = None,
    watchers: Sequence[Watcher] = (),
) -> ConvertSummary:
    """Write a rosbag2 with depth for every image of one or more recordings, merged by time.

    Outputs follow directly after their image, with its bag time, stamp and frame. An image without
    depth, because it is damaged or has no scale, is skipped and counted.

    Args:
        sources: see reader.Recording.
        out: folder of the new bag; it must not exist, unless options.resume.
        pipeline: computes depth.
        options: what to convert, and how.
        watchers: receive the frames that this run converts; always closed at the end.

    Raises:
        BagError: there is nothing to read, to convert or to continue, or out cannot be written;
            what was written is a complete bag, which options.resume continues.
        ModelError: the network failed; as above.
    """
    options = options or ConvertOptions()
    with ExitStack() as stack:
        for watcher in watchers:
            stack.callback(watcher.close)
        recording = stack.enter_context(Recording(*sources))
        options.check_part(recording.end_ns - recording.start_ns)
        found = cameras.find(recording, pipeline, options)
        command = _command(sources, recording, pipeline, options)
        check_out(out, options)
        stack.enter_context(locked(out))
        bag, progress = _begin(out, options, command, calibration.guess(pipeline.settings))
        if not progress.complete:
            groups = Groups(recording, found, options, progress.records)
            job = _Conversion(groups, list(found.values()), options, bag, progress, watchers)
            job.run(recording.topics)
        return _summary(progress, recording, list(found.values()), options)


def check_out(out: Path, options: ConvertOptions) -> None:
    """Refuse to overwrite anything.

    Raises:
        BagError: out exists, and options.resume is not set.
    """
    if out.exists() and not options.resume:
        raise BagSettingError(
            f"{out} already exists, expected a new folder, or --resume to continue it"
        )


def _command(
    sources: Sequence[Path], recording: Recording, pipeline: Pipeline, options: ConvertOptions
) -> dict[str, Any]:
    """Return what a conversion must have in common with the one that it continues."""
    return {
        "sources": [path.name for path in sources],
        # Recordings of different drives often have the same file name.
        "recording": [recording.start_ns, recording.end_ns, dict(recording.counts)],
        "options": options.as_command(),
        "settings": pipeline.settings.as_dict(),
    }


def _begin(
    out: Path, options: ConvertOptions, command: dict[str, Any], guess: str
) -> tuple[SplitBag, Progress]:
    """Return the new bag, or the one to continue, and its progress."""
    bag = SplitBag(out, options.storage)
    if not bag.new:
        return bag, Progress.from_note(bag.note, command)
    progress = Progress(command, guess=guess)
    try:
        bag.finish(progress.as_note())
    except OSError as error:
        raise BagError(f"{out} cannot be written: {error.strerror or error}") from error
    return bag, progress


def _summary(
    progress: Progress,
    recording: Recording,
    found: Sequence[cameras.BagCamera],
    options: ConvertOptions,
) -> ConvertSummary:
    """Return what was converted, and what to warn of."""
    counted = (progress.frames, progress.answered, progress.skipped, progress.examples)
    warned = [f"{each.where.info}: {each.warning}" for each in found if each.warning]
    warned += [f"{each.name}: {each.groundless}" for each in found if each.groundless]
    warnings = [*recording.notes, *warned]
    not_copied = {} if options.only_depth else recording.unknown
    return ConvertSummary(*counted, recording.damage, not_copied, warnings, progress.guess)


class _Work(NamedTuple):
    """A group that is to be written, and the conversion's progress after it."""

    group: Group
    answers: dict[int, Answered]
    encoded: dict[int, Future[Encoded]]
    note: dict[str, Any]


class _Conversion:
    """Decodes and encodes in a thread pool, writes in one more thread, predicts in this one."""

    def __init__(
        self,
        groups: Groups,
        found: Sequence[cameras.BagCamera],
        options: ConvertOptions,
        bag: SplitBag,
        progress: Progress,
        watchers: Sequence[Watcher],
    ) -> None:
        self._groups, self._cameras, self._options = groups, found, options
        self._bag, self._progress, self._watchers = bag, progress, watchers
        self._in_file = 0
        self._written = progress.as_note()
        self._broken = False

    def run(self, topics: Mapping[str, Topic]) -> None:
        """Convert what is left to convert; the bag is complete afterwards, even after an error.

        Args:
            topics: of the recording, by name.
        """
        self._topics = topics
        for camera in self._cameras:
            if camera.name in self._progress.scales:
                camera.thaw(self._progress.scales[camera.name])
        writer = ThreadPoolExecutor(1)
        try:
            with ThreadPoolExecutor(self._options.jobs) as pool:
                self._pass_through(pool, writer)
        except OSError as error:
            raise self._write_error(error, writer) from error
        except BaseException:  # Ctrl-C too
            self._end(writer)
            raise
        writer.submit(self._complete)
        self._end(writer)

    def _pass_through(self, pool: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
        """Pass every group through the pool, the network, the pool again and the writer."""
        under_way: deque[Future[None]] = deque()
        done = sum(self._progress.frames.values())
        with tqdm(
            desc="convert", unit="frame", total=self._groups.expected() or None, initial=done
        ) as bar:
            for group in self._groups.read(pool):
                under_way.append(writer.submit(self._write, self._predict(group, pool)))
                while len(under_way) > self._options.jobs:
                    under_way.popleft().result()
                bar.update(sum(item.image is not None for item in group))
            while under_way:
                under_way.popleft().result()

    def _predict(self, group: Group, pool: ThreadPoolExecutor) -> _Work:
        images = {i: item.image for i, item in enumerate(group) if item.image is not None}
        answers = cameras.answer(images, self._progress)
        encoded = {
            i: pool.submit(images[i].camera.outputs.encode, found) for i, found in answers.items()
        }
        self._progress.records += len(group)
        frozen = {camera.name: camera.frozen() for camera in self._cameras}
        self._progress.scales = {name: text for name, text in frozen.items() if text}
        return _Work(group, answers, encoded, self._progress.as_note())

    def _write(self, work: _Work) -> None:
        """Write a whole group; after the first error, write nothing."""
        if self._broken:
            return
        try:
            encoded = {i: each.result() for i, each in work.encoded.items()}
            for i, item in enumerate(work.group):
                if not self._options.only_depth or is_static_tf(item.record.topic):
                    record = item.record
                    self._bag.write(self._topics[record.topic], record.time_ns, record.data)
                if i in encoded:
                    for topic, data in encoded[i].messages:
                        self._bag.write(topic, item.record.time_ns, data)
            self._note(work)
            self._notify_watchers(work, encoded)
        except BaseException:
            self._broken = True
            raise

    def _note(self, work: _Work) -> None:
        """Record the progress, and begin a new file if the present one is full."""
        self._written = work.note
        self._in_file += sum(item.image is not None for item in work.group)
        if self._in_file >= self._options.split:
            self._bag.finish(work.note)
            self._in_file = 0

    def _notify_watchers(self, work: _Work, encoded: dict[int, Encoded]) -> None:
        for i, each in encoded.items():
            image, frame = work.group[i].image, work.answers[i].answer.job.frame
            if image is None or each.depth_m is None:
                continue
            for watcher in self._watchers:
                name = image.camera.name
                try:
                    maps = (frame.rgb, each.depth_m, frame.camera, each.confidence)
                    watcher.add(name, frame.stamp_ns, *maps)
                except OSError as error:  # otherwise it would be taken for an error of the bag
                    raise BagError(f"a preview cannot be written: {error}") from error

    def _complete(self) -> None:
        self._progress.complete = True
        self._written = self._progress.as_note()

    def _end(self, writer: ThreadPoolExecutor) -> None:
        """Finish the bag after what the writer has written so far."""
        try:
            # SQLite must be closed by the thread that opened it.
            writer.submit(lambda: self._bag.finish(self._written)).result()
        except OSError as error:
            raise self._write_error(error, writer) from error
        writer.shutdown()

    def _write_error(self, error: OSError, writer: ThreadPoolExecutor) -> BagError:
        """Drop the file that cannot be finished, and return the error to raise."""
        writer.submit(self._bag.discard).result()
        writer.shutdown()
        return BagError(
            f"{self._bag.path} cannot be written: {error.strerror or error}; "
            "the bag is complete up to there, --resume continues it"
        )
