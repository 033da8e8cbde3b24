"""The help of every command: each option that takes a value tells its default."""

from __future__ import annotations

import argparse
import re
from types import ModuleType

import pytest

from depth_ros import cli
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig

REQUIRED = {"train --out"}


class OneLine(argparse.HelpFormatter):
    """Each option in a line of its own."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=400, width=4000)


def options(verb: ModuleType) -> dict[str, str]:
    """Return what follows each option's name, by the name."""
    parser = argparse.ArgumentParser(prog=cli.name(verb), formatter_class=OneLine)
    verb.add_arguments(parser)
    return dict(re.findall(r"^  (--[\w-]+)(.*)$", parser.format_help(), re.M))


@pytest.mark.parametrize("verb", cli.VERBS, ids=cli.name)
def test_every_option_is_described_and_those_with_a_value_tell_their_default(
    verb: ModuleType,
) -> None:
    for name, rest in options(verb).items():
        metavar, _, said = rest.partition("  ")
        named = f"{cli.name(verb)} {name}"
        assert said.strip(), f"{named} has no help"
        if metavar.strip() and named not in REQUIRED:
            assert "default: " in said, f"{named} tells no default"


def test_the_defaults_of_training_are_those_of_its_configuration() -> None:
    from depth_ros.cli import train

    said = options(train)
    config = TrainConfig()
    for name in ("steps", "batch", "learning_rate", "ema", "weight_decay", "seed"):
        option = f"--{name.replace('_', '-')}"
        assert said[option].endswith(f"default: {getattr(config, name)}"), option
    low, high = Robot().camera_height_m
    assert said["--camera-height-m"].endswith(f"default: {low} {high}")
