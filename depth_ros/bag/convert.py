"""Answer every image of a recording with depth, in order, into a new recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from depth_ros import calibration
from depth_ros.bag import cameras
from depth_ros.bag.groups import Group, Groups
from depth_ros.bag.options import Options
from depth_ros.bag.outputs import Answer, Encoded
from depth_ros.bag.reader import Recording
from depth_ros.bag.references import is_static_tf
from depth_ros.bag.resume import Progress
from depth_ros.bag.splits import SplitBag, locked
from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Pipeline


class Watcher(Protocol):
    """Sees every frame of a conversion that is answered in metres, in order."""

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: npt.NDArray[np.uint8],
        depth_m: npt.NDArray[np.float32],
        camera: Camera,
    ) -> None:
        """See a frame: camera's name, image (H, W, 3), z-depth (H, W) with NaN and +inf."""

    def close(self) -> None:
        """End: no frame follows."""


@dataclass(frozen=True)
class Summary:
    """What became of a recording, interrupted runs that were gone on with included.

    Attributes:
        frames: images that were to be answered, by camera.
        answered: of them, those that depth was written for, by camera.
        skipped: of them, those that gave none, by the kind of error.
        examples: the first error of each kind.
        damage: what of the recording could not be read, and where.
        not_copied: topics that were not carried over, with the reason.
        warnings: what is to be said of the bags and of cameras' calibrations.
        guess: what is to be said of a camera that was guessed; empty where it was not.
    """

    frames: dict[str, int]
    answered: dict[str, int]
    skipped: dict[str, int]
    examples: dict[str, str]
    damage: list[str]
    not_copied: dict[str, str]
    warnings: list[str]
    guess: str = ""


def convert(
    sources: Sequence[Path],
    out: Path,
    pipeline: Pipeline,
    options: Options | None = None,
    watchers: Sequence[Watcher] = (),
) -> Summary:
    """Write a rosbag2 with depth for every image of recordings that are merged by time.

    Outputs stand right after their image, at its bag time, with its stamp and frame. An image that
    gives no depth, because it is damaged or has no scale, is skipped and counted.

    Args:
        sources: see reader.Recording.
        out: folder of the new bag; it may not exist, unless options.resume.
        pipeline: what makes depth.
        options: what to convert, and how.
        watchers: see the frames that this run answers; closed at the end, whatever happens.

    Raises:
        BagError: there is nothing to read, to convert or to go on with, or out cannot be written;
            what was written is a whole bag, with which options.resume goes on.
        ModelError: the network failed; as above.
    """
    options = options or Options()
    with ExitStack() as stack:
        for watcher in watchers:
            stack.callback(watcher.close)
        recording = stack.enter_context(Recording(*sources))
        options.check_part(recording.end_ns - recording.start_ns)
        found = cameras.find(recording, pipeline, options)
        command = {
            "sources": [path.name for path in sources],
            # Drives are often called alike.
            "recording": [recording.start_ns, recording.end_ns, dict(recording.counts)],
            "options": options.as_command(),
            "settings": pipeline.settings.as_dict(),
        }
        check_out(out, options)
        stack.enter_context(locked(out))
        bag, progress = _begin(out, options, command, calibration.guess(pipeline.settings))
        for camera in found.values():
            if camera.name in progress.scales:
                camera.thaw(progress.scales[camera.name])
        if not progress.complete:
            groups = Groups(recording, found, options, progress.records)
            job = _Conversion(groups, pipeline, options, bag, progress, watchers)
            job.run({camera.name: camera for camera in found.values()}, recording)
        counted = (progress.frames, progress.answered, progress.skipped, progress.examples)
        not_copied = {} if options.only_depth else recording.unknown
        warned = [f"{each.where.info}: {each.warning}" for each in found.values() if each.warning]
        warned += [f"{each.name}: {each.groundless}" for each in found.values() if each.groundless]
        warnings = [*recording.notes, *warned]
        return Summary(*counted, recording.damage, not_copied, warnings, progress.guess)


def check_out(out: Path, options: Options) -> None:
    """Refuse to write over anything.

    Raises:
        BagError: out exists, and is not to be gone on with.
    """
    if out.exists() and not options.resume:
        raise BagError(f"{out} exists already, expected a new folder, or --resume to go on")


def _begin(
    out: Path, options: Options, command: dict[str, Any], guess: str
) -> tuple[SplitBag, Progress]:
    """Return the new bag, or one to go on with, and how far it is."""
    bag = SplitBag(out, options.storage)
    if not bag.new:
        return bag, Progress.from_note(bag.note, command)
    progress = Progress(command, guess=guess)
    try:
        bag.finish(progress.as_note())
    except OSError as error:
        raise BagError(f"{out} cannot be written: {error.strerror or error}") from error
    return bag, progress


class _Work(NamedTuple):
    """A group on its way into the bag, and how far the conversion is after it."""

    group: Group
    answers: dict[int, Answer]
    encoded: dict[int, Future[Encoded]]
    note: dict[str, Any]


class _Conversion:
    """Decodes and encodes in a pool of threads, writes in one of its own, predicts in between."""

    def __init__(
        self,
        groups: Groups,
        pipeline: Pipeline,
        options: Options,
        bag: SplitBag,
        progress: Progress,
        watchers: Sequence[Watcher],
    ) -> None:
        self._groups, self._pipeline, self._options = groups, pipeline, options
        self._bag, self._progress, self._watchers = bag, progress, watchers
        self._in_file = 0
        self._written = progress.as_note()
        self._broken = False

    def run(self, found: dict[str, cameras.BagCamera], recording: Recording) -> None:
        """Convert what is left to convert; whatever happens, the bag is whole afterwards."""
        self._cameras, self._topics = found, recording.topics
        writer = ThreadPoolExecutor(1)
        try:
            with ThreadPoolExecutor(self._options.jobs) as pool:
                self._pass_through(pool, writer)
        except OSError as error:
            raise self._cut_off(error, writer) from error
        except BaseException:  # Ctrl-C too
            self._end(writer)
            raise
        writer.submit(self._complete)
        self._end(writer)

    def _pass_through(self, pool: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
        """Send every group through the pool, the network, the pool again and to the writer."""
        under_way: deque[Future[None]] = deque()
        done = sum(self._progress.frames.values())
        with tqdm(
            desc="convert", unit="frame", total=self._groups.expected() or None, initial=done
        ) as bar:
            for group in self._groups.read(pool):
                under_way.append(writer.submit(self._write, self._predict(group, pool)))
                while len(under_way) > self._options.jobs:
                    under_way.popleft().result()
                bar.update(sum(item.shot is not None for item in group))
            while under_way:
                under_way.popleft().result()

    def _predict(self, group: Group, pool: ThreadPoolExecutor) -> _Work:
        shots = {i: item.shot for i, item in enumerate(group) if item.shot is not None}
        answers = cameras.answer(shots, self._pipeline, self._progress)
        encoded = {
            i: pool.submit(shots[i].camera.outputs.encode, found) for i, found in answers.items()
        }
        self._progress.records += len(group)
        frozen = {name: camera.frozen() for name, camera in self._cameras.items()}
        self._progress.scales = {name: text for name, text in frozen.items() if text}
        return _Work(group, answers, encoded, self._progress.as_note())

    def _write(self, work: _Work) -> None:
        """Write a group as a whole or, once anything has failed, not at all."""
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
            self._show(work, encoded)
        except BaseException:
            self._broken = True
            raise

    def _note(self, work: _Work) -> None:
        """Note how far the bag is, and begin a new file where it is time to."""
        self._written = work.note
        self._in_file += sum(item.shot is not None for item in work.group)
        if self._in_file >= self._options.split:
            self._bag.finish(work.note)
            self._in_file = 0

    def _show(self, work: _Work, encoded: dict[int, Encoded]) -> None:
        for i, each in encoded.items():
            shot, frame = work.group[i].shot, work.answers[i].estimate.frame
            if shot is None or each.depth_m is None:
                continue
            for watcher in self._watchers:
                name = shot.camera.name
                try:
                    watcher.add(name, frame.stamp_ns, frame.rgb, each.depth_m, frame.camera)
                except OSError as error:  # else it would be taken for the bag's own
                    raise BagError(f"a preview cannot be written: {error}") from error

    def _complete(self) -> None:
        self._progress.complete = True
        self._written = self._progress.as_note()

    def _end(self, writer: ThreadPoolExecutor) -> None:
        """Make what the writer has written by then the end of the bag."""
        try:
            # In the thread that opened it: SQLite wants that.
            writer.submit(lambda: self._bag.finish(self._written)).result()
        except OSError as error:
            raise self._cut_off(error, writer) from error
        writer.shutdown()

    def _cut_off(self, error: OSError, writer: ThreadPoolExecutor) -> BagError:
        """Drop the file that cannot be finished; the bag ends with the one before."""
        writer.submit(self._bag.discard).result()
        writer.shutdown()
        return BagError(
            f"{self._bag.path} cannot be written on: {error.strerror or error}; "
            "what is in it is whole, and --resume goes on from there"
        )
