"""Export of a model by name: write the ONNX files, then compare them with torch."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from depth_ros.errors import ModelError, ModelSettingError, SettingError
from depth_ros.export import graph
from depth_ros.export.compare import Errors, compare
from depth_ros.export.options import ExportOptions
from depth_ros.export.part import Part, parts_of
from depth_ros.export.quantise import Recorder, quantise
from depth_ros.export.trial import Trial, answers, trials
from depth_ros.export.weights import hashes
from depth_ros.models import loading
from depth_ros.models.base import DepthModel, ModelEntry, NetworkFacts, Prediction
from depth_ros.models.card import SUFFIX, Card, part_path
from depth_ros.output_paths import check_file
from depth_ros.runtimes import onnx_file
from depth_ros.runtimes.onnx_runtime import OnnxRuntime
from depth_ros.runtimes.providers import import_onnxruntime
from depth_ros.runtimes.torch_runtime import TorchRuntime

_TORCH_DTYPES = {"float32": torch.float32, "float16": torch.float16, "int8": torch.float32}
_MODULES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class ExportReport:
    """The files of an export, and their errors against torch in float32.

    Attributes:
        entry: of the model.
        paths: of the files; the first one is the file that users name.
        precision: of weights and activations.
        size: height and width of the network's input; None: dynamic.
        errors: of depth on the test images.
        images: number of test images.
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
    options: ExportOptions | None = None,
    recorded: Sequence[Trial] = (),
    weights: str = "",
) -> ExportReport:
    """Export a model, and write it if its depth agrees with torch.

    Args:
        name, weights: of the model, as for models.find().
        out: the file, .onnx; further parts of a network are written next to it.
        options: of the export.
        recorded: images of a recording; half of them are used to calibrate int8 activations, the
            other half to compare depth.

    Raises:
        ModelError: the model cannot be loaded or exported, or the error against torch is larger
            than options allow: then nothing is written.
        SettingError: out is not a valid file name, or exists and options do not allow to replace
            it.
    """
    options = options or ExportOptions()
    _check(out, options, recorded)
    graph.check_installed()
    import_onnxruntime()
    model = _checkpoint(name, weights, options)
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


def _checkpoint(name: str, weights: str, options: ExportOptions) -> DepthModel:
    """Load the model to export.

    Raises:
        ModelError: it is an exported one, or not of this precision.
    """
    model = loading.load(name, weights)
    if model.graphs:
        raise ModelSettingError(
            f"model '{name}' was exported already, expected a checkpoint of torch"
        )
    if options.precision == "float16" and not model.entry.half_safe:
        raise ModelSettingError(f"model '{name}' overflows in float16, expected --int8, or neither")
    return model


def _check(out: Path, options: ExportOptions, recorded: Sequence[Trial]) -> None:
    if out.suffix != SUFFIX or not out.parent.is_dir():
        raise SettingError(
            f"{out} cannot be written, expected a name in {SUFFIX} in an existing folder"
        )
    check_file(out, options.overwrite)
    if options.precision == "int8" and len(recorded) < 2:
        raise ModelSettingError(
            f"int8 is calibrated on images, {len(recorded)} are given, expected 2 or more: "
            "--calibrate BAG"
        )


def _size(model: DepthModel, options: ExportOptions) -> tuple[int, int] | None:
    """Return the size of the network's input; None: dynamic.

    Raises:
        ModelError: the size is not a multiple of the network's cells, or dynamic is not supported.
    """
    rules = model.preprocessing
    fixed = not model.any_size or (rules.resize != "none" and rules.fit == "warp")
    if fixed and options.dynamic:
        raise ModelSettingError(
            f"the graph of model '{model.entry.name}' takes one size, {rules.height}x{rules.width} "
            "by default, expected --size, or none, instead of --dynamic"
        )
    size = options.size or ((rules.height, rules.width) if fixed else None)
    if size is not None and any(side % rules.multiple for side in size):
        raise ModelSettingError(
            f"size is {size[0]}x{size[1]}, expected multiples of {rules.multiple} for "
            f"'{model.entry.name}'"
        )
    return size


class _Draft:
    """An export in a temporary folder, until it is verified."""

    def __init__(
        self,
        model: DepthModel,
        size: tuple[int, int] | None,
        options: ExportOptions,
        path: Path,
        recorded: list[Trial],
    ) -> None:
        self._model, self._size, self._options, self._path = model, size, options, path
        self._measured, self._tried = recorded[::2], recorded[1::2] or trials(model, size)
        for each in recorded:
            self._check_size(*each.rgb.shape[1:3])

    def _check_size(self, height: int, width: int) -> None:
        """Refuse recorded images that are not resized to the graph's size."""
        rules = self._model.preprocessing
        size = rules.network_size(*rules.padded_size(height, width))
        if self._size not in (None, size):
            raise ModelSettingError(
                f"recorded images of {width}x{height} are resized to {size[0]}x{size[1]}, expected "
                f"--size {size[0]}x{size[1]}, or --dynamic"
            )

    def write(self) -> ExportReport:
        """Write the files, and compare their output with torch.

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
        return ExportReport(
            model.entry, tuple(paths), options.precision, self._size, errors, images
        )

    def files(self) -> list[Path]:
        """Return the written files: graphs and external weights."""
        return sorted(self._path.parent.iterdir())

    def _quantise(self, parts: Sequence[Part], paths: Sequence[Path]) -> None:
        """Replace graphs by int8 versions, calibrated on recorded images."""
        names = {part.name: list(part.inputs) for part in parts}
        recorder = Recorder(TorchRuntime(self._model.network, "cpu"), names)
        answers(self._model, recorder, self._measured)
        for part, path in zip(parts, paths, strict=True):
            if onnx_file.external_weights(path).exists():
                raise ModelError(
                    f"model '{self._model.entry.name}' has more than 2 GB, expected less for int8"
                )
            exact = path.rename(path.with_suffix(".float32"))
            quantise(exact, recorder.inputs[part.name], path)
            exact.unlink()

    def _label(self, parts: Sequence[Part], paths: Sequence[Path]) -> None:
        """Add the card to the metadata of every file."""
        model = self._model
        files = {part.name: onnx_file.sha256(path) for part, path in zip(parts, paths, strict=True)}
        facts = NetworkFacts(
            model.preprocessing, model.max_depth_m, model.training_f_px, batches=model.batches
        )
        entry, config = _portable_entry(model), model.exported_config()
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
        """Return the errors of the files against torch, loaded in the same way as on a robot.

        Raises:
            ModelError: they are too large.
        """
        model, options = loading.load(str(self._path)), self._options
        found = answers(model, OnnxRuntime(model.graphs, "cpu", "cpu"), self._tried)
        errors = compare(found, expected)
        kind = "largest" if options.precision == "float32" else "mean"
        error = errors.largest if kind == "largest" else errors.mean
        if not error <= options.limit:  # also for NaN
            raise ModelError(
                f"{kind} relative error of depth in {options.precision} is {error:.2g}, expected "
                f"at most {options.limit:g}; nothing is written"
            )
        return errors


def _portable_entry(model: DepthModel) -> ModelEntry:
    """Return a model's entry without data that is valid on this machine only."""
    entry = model.entry
    counted_m = sum(each.numel() for each in model.network.parameters()) / 1e6
    if Path(entry.source).is_dir():  # the path does not exist on other machines
        entry = replace(entry, name=Path(entry.name).name, source=Path(entry.source).name)
    return replace(
        entry,
        parameters_m=entry.parameters_m or round(counted_m, 1),
        # The facts contain the values that follow from these.
        preprocessing=None,
        training_camera=None,
        trained_with=None,
    )
