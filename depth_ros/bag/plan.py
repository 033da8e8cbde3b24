"""A conversion as data: settings and options that any process can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_ros import models, runtimes
from depth_ros.bag import clip
from depth_ros.bag.convert import Watcher, check_out, convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.summary import ConvertSummary
from depth_ros.config import Settings
from depth_ros.pipeline import Pipeline
from depth_ros.runtimes.torch_runtime import choose_device


@dataclass(frozen=True)
class Plan:
    """A conversion of recordings.

    Attributes:
        settings: the pipeline's settings.
        options: of the conversion.
        offload: keep parts of a model for whole recordings on the CPU to save GPU memory.
    """

    settings: Settings = field(default_factory=Settings)
    options: ConvertOptions = field(default_factory=ConvertOptions)
    offload: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the plan in JSON types."""
        return {
            "settings": self.settings.as_dict(),
            "options": asdict(self.options),
            "offload": self.offload,
        }

    @classmethod
    def from_dict(cls, plan: dict[str, Any]) -> Plan:
        """Return the plan from the output of as_dict().

        Raises:
            SettingError, BagError: a value is not allowed.
        """
        options = plan["options"]
        lists = {name: tuple(each) for name, each in options.items() if isinstance(each, list)}
        settings = Settings().with_values(**plan["settings"])
        return cls(settings, ConvertOptions(**{**options, **lists}), plan["offload"])

    def execute(
        self, sources: Sequence[Path], out: Path, watchers: Sequence[Watcher] = ()
    ) -> ConvertSummary:
        """Load the model and convert recordings; see convert() for arguments and errors."""
        try:
            check_out(out, self.options)  # raises an error before a network runs for hours
            pipeline = self._pipeline(sources, out)
        except BaseException:
            for watcher in watchers:
                watcher.close()
            raise
        return convert(sources, out, pipeline, self.options, watchers)

    def _pipeline(self, sources: Sequence[Path], out: Path) -> Pipeline:
        """Return a pipeline per frame or, for clip models, for the whole recording."""
        settings = self.settings
        runtimes.prepare_process(settings.device)
        if models.find(settings.model, settings.weights).family not in models.CLIP_FAMILIES:
            return Pipeline.from_settings(settings)
        device = str(choose_device(settings.device))
        how = models.ClipOptions(device=device, dtype=settings.dtype, offload=self.offload)
        model = models.load_clip(settings.model, settings.weights, how)
        out.parent.mkdir(parents=True, exist_ok=True)
        return clip.prepare(sources, model, settings, self.options, out.parent)
