"""From a model's name to files that depth_ros runs without torch's weights: written, then tried."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from depth_ros.errors import ModelError, SettingError
from depth_ros.export import graph
from depth_ros.export.compare import Errors, compare
from depth_ros.export.options import Options
from depth_ros.export.part import Part, parts_of
from depth_ros.export.quantise import Recorder, quantise
from depth_ros.export.trial import Trial, answers, trials
from depth_ros.export.weights import hashes
from depth_ros.models import loading
from depth_ros.models.base import DepthModel, Facts, ModelEntry, Prediction
from depth_ros.models.card import SUFFIX, Card, part_path
from depth_ros.output_paths import check_file
from depth_ros.runtimes import onnx_file
from depth_ros.runtimes.onnx_runtime import OnnxRuntime
from depth_ros.runtimes.providers import import_onnxruntime
from depth_ros.runtimes.torch_runtime import TorchRuntime

_TORCH_DTYPES = {"float32": torch.float32, "float16": torch.float16, "int8": torch.float32}
_MODULES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Report:
    """What an export wrote, and how near it is to torch in float32.

    Attributes:
        entry: the model's.
        paths: of the files, the one to name first.
        precision: of weights and activations.
        size: height and width of the network's input; None: open.
        errors: of depth on the images that it was tried with.
        images: how many these were.
    """

    entry: ModelEntry
    paths: tuple[Path, ...]
    precision: str
    size: tuple[int, int] | None
    errors: Errors
    images: int


def export(
    name: str,
    out: Path,
    options: Options | None = None,
    recorded: Sequence[Trial] = (),
    weights: str = "",
) -> Report:
    """Export a model, and write it if its depth is torch's.

    Args:
        name, weights: of the model, as for models.find().
        out: the file, .onnx; a network of several parts has the others beside it.
        options: how.
        recorded: images to measure activations on for int8, and to compare depth on; every second
            one is for either.

    Raises:
        ModelError: the model cannot be loaded or exported, or what was exported is farther from
            torch than options allow: nothing is written then.
        SettingError: the file cannot be one, or exists and options do not allow to replace it.
    """
    options = options or Options()
    _check(out, options, recorded)
    graph.check_installed()
    import_onnxruntime()
    model = loading.load(name, weights)
    if model.graphs:
        raise ModelError(f"model '{name}' was exported already, expected a checkpoint of torch")
    if options.precision == "float16" and not model.entry.half_safe:
        raise ModelError(f"model '{name}' overflows in float16, expected --int8, or neither")
    size = _size(model, options)
    if size is not None:
        model = model.at_size(*size)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        draft = _Draft(model, size, options, Path(folder) / out.name, list(recorded))
        report = draft.write()
        paths = tuple(out.parent / path.name for path in report.paths)
        for path in draft.files():
            check_file(out.parent / path.name, options.overwrite)
        for path in draft.files():
            shutil.move(path, out.parent / path.name)
    return replace(report, paths=paths)


def _check(out: Path, options: Options, recorded: Sequence[Trial]) -> None:
    if out.suffix != SUFFIX or not out.parent.is_dir():
        raise SettingError(
            f"{out} cannot be written, expected a name in {SUFFIX} in a folder that is there"
        )
    check_file(out, options.overwrite)
    if options.precision == "int8" and len(recorded) < 2:
        raise ModelError(
            f"int8 is calibrated on images, {len(recorded)} are given, expected 2 or more: "
            "--calibrate BAG"
        )


def _size(model: DepthModel, options: Options) -> tuple[int, int] | None:
    """Return the size of the network's input; None where it is open.

    Raises:
        ModelError: the size is no multiple of the network's cells, or open and need not be.
    """
    rules = model.preprocessing
    fixed = not model.any_size or (rules.resize != "none" and rules.fit == "warp")
    if fixed and options.dynamic:
        raise ModelError(
            f"the graph of model '{model.entry.name}' takes one size, {rules.height}x{rules.width} "
            "by default, expected --size, or none, instead of --dynamic"
        )
    size = options.size or ((rules.height, rules.width) if fixed else None)
    if size is not None and any(side % rules.multiple for side in size):
        raise ModelError(
            f"size is {size[0]}x{size[1]}, expected multiples of {rules.multiple} for "
            f"'{model.entry.name}'"
        )
    return size


class _Draft:
    """An export in a folder of its own, until it is known to be right."""

    def __init__(
        self,
        model: DepthModel,
        size: tuple[int, int] | None,
        options: Options,
        path: Path,
        recorded: list[Trial],
    ) -> None:
        self._model, self._size, self._options, self._path = model, size, options, path
        self._measured, self._tried = recorded[::2], recorded[1::2] or trials(model, size)
        for each in recorded:
            self._check_size(*each.rgb.shape[1:3])

    def _check_size(self, height: int, width: int) -> None:
        """Refuse recorded images that do not come to the graph's size."""
        rules = self._model.preprocessing
        size = rules.network_size(*rules.padded_size(height, width))
        if self._size not in (None, size):
            raise ModelError(
                f"recorded images of {width}x{height} are brought to {size[0]}x{size[1]}, expected "
                f"--size {size[0]}x{size[1]}, or --dynamic"
            )

    def write(self) -> Report:
        """Write the files, and compare what they say with torch.

        Raises:
            ModelError: as export().
        """
        model, options = self._model, self._options
        expected = answers(model, TorchRuntime(model.network, "cpu"), self._tried)
        parts = parts_of(model, self._size)
        paths = [self._path, *(part_path(self._path, part.name) for part in parts[1:])]
        for part, path in zip(parts, paths, strict=True):
            graph.write(part, path, _TORCH_DTYPES[options.precision])
        if options.precision == "int8":
            self._quantise(parts, paths)
        self._label(parts, paths)
        errors = self._errors(expected)
        images = sum(len(each.rgb) for each in self._tried)
        return Report(model.entry, tuple(paths), options.precision, self._size, errors, images)

    def files(self) -> list[Path]:
        """Return what was written: graphs, and weights beside them."""
        return sorted(self._path.parent.iterdir())

    def _quantise(self, parts: Sequence[Part], paths: Sequence[Path]) -> None:
        """Replace graphs by their int8 versions, as far as they are used on recorded images."""
        names = {part.name: list(part.inputs) for part in parts}
        recorder = Recorder(TorchRuntime(self._model.network, "cpu"), names)
        answers(self._model, recorder, self._measured)
        for part, path in zip(parts, paths, strict=True):
            if onnx_file.weights_beside(path).exists():
                raise ModelError(
                    f"model '{self._model.entry.name}' has more than 2 GB, expected less for int8"
                )
            exact = path.rename(path.with_suffix(".float32"))
            quantise(exact, recorder.seen[part.name], path)
            exact.unlink()

    def _label(self, parts: Sequence[Part], paths: Sequence[Path]) -> None:
        """Say in every file what it is."""
        model = self._model
        files = {part.name: onnx_file.sha256(path) for part, path in zip(parts, paths, strict=True)}
        facts = Facts(
            model.preprocessing, model.max_depth_m, model.training_f_px, batches=model.batches
        )
        entry, config = _stated(model), model.config_stated()
        weights = hashes(model.entry)
        versions = {name: importlib.import_module(name).__version__ for name in _MODULES}
        for part, path in zip(parts, paths, strict=True):
            card = Card(
                entry,
                facts,
                part.name,
                files,
                part.shapes,
                self._options.precision,
                config,
                weights,
                versions,
            )
            onnx_file.add_metadata(path, card.as_metadata())

    def _errors(self, expected: list[Prediction]) -> Errors:
        """Return how far the files are from torch, used as a robot will use them.

        Raises:
            ModelError: too far.
        """
        model, options = loading.load(str(self._path)), self._options
        found = answers(model, OnnxRuntime(model.graphs, "cpu", "cpu"), self._tried)
        errors = compare(found, expected)
        kind = "largest" if options.precision == "float32" else "mean"
        error = errors.largest if kind == "largest" else errors.mean
        if not error <= options.limit:  # NaN is too far
            raise ModelError(
                f"{kind} relative error of depth in {options.precision} is {error:.2g}, expected "
                f"at most {options.limit:g}; nothing is written"
            )
        return errors


def _stated(model: DepthModel) -> ModelEntry:
    """Return a model's entry as it is to be read on another machine."""
    entry = model.entry
    counted_m = sum(each.numel() for each in model.network.parameters()) / 1e6
    if Path(entry.source).is_dir():  # which says nothing there
        entry = replace(entry, name=Path(entry.name).name, source=Path(entry.source).name)
    return replace(
        entry,
        parameters_m=entry.parameters_m or round(counted_m, 1),
        # The facts hold what follows from these.
        preprocessing=None,
        training_camera=None,
        trained_with=None,
    )
