"""Summary of a conversion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConvertSummary:
    """Summary of a conversion, including the part before it was resumed.

    Attributes:
        frames: number of images to convert, by camera.
        answered: number of images with depth written, by camera.
        skipped: number of images without depth, by kind of error.
        examples: the first error of each kind.
        damage: parts of the recording that could not be read.
        not_copied: topics that were not copied, with the reason.
        warnings: about the bags and the calibrations of cameras.
        guess: describes a guessed camera; empty if no camera was guessed.
    """

    frames: dict[str, int]
    answered: dict[str, int]
    skipped: dict[str, int]
    examples: dict[str, str]
    damage: list[str]
    not_copied: dict[str, str]
    warnings: list[str]
    guess: str = ""

    @property
    def failure(self) -> str:
        """Reason if there is no depth at all; empty otherwise."""
        if any(self.answered.values()):
            return ""
        frames = any(self.frames.values())
        return "no frame was answered" if frames else "there is no image in that part of the bag"

    def counts(self) -> list[str]:
        """Return a line for each camera, and one for a guessed camera."""
        lines = [
            f"{name or 'camera'}: {self.answered.get(name, 0)} of {frames} frames answered"
            for name, frames in self.frames.items()
        ]
        return [*lines, f"guess: {self.guess}"] if self.guess else lines

    def problems(self) -> list[str]:
        """Return one line for each damaged part, kind of skipped frame and warning."""
        skipped = [
            f"{count} frames skipped, {kind}: {self.examples[kind]}"
            for kind, count in self.skipped.items()
        ]
        not_copied = [f"{topic} is not copied: {why}" for topic, why in self.not_copied.items()]
        warnings = [f"warning: {text}" for text in (*skipped, *not_copied, *self.warnings)]
        return [f"damaged: {text}" for text in self.damage] + warnings
