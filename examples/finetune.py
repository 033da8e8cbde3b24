"""Fine-tune the embedded network on an RGB-D recording of your own camera, and compare both.

python examples/finetune.py my_bag my_weights --train 0:60 --score 60:120

The bag has images, their camera_info, and depth that is registered to them. docs/training.md
explains the options of the training. The node takes the result: model:=/path/to/my_weights.
"""

from __future__ import annotations

import argparse
import sys

from depth_ros import cli

# A few images: keep what the network knows (statistics, a share of its weights, rendered rooms).
KEEP = ["--freeze-norms", "--keep", "0.35", "--rendered", "1", "--validate", "0"]
RATES = ["--batch", "8", "--learning-rate", "2e-4", "--ema", "0.97", "--bf16"]


def main(said: list[str] | None = None) -> int:
    """Train, then score the embedded and the trained network; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bag", help="recording with images and depth")
    parser.add_argument("weights", help="new folder of the trained network")
    parser.add_argument("--train", default="0:60", help="images to train on; default: %(default)s")
    parser.add_argument("--score", default="60:120", help="other images; default: %(default)s")
    parser.add_argument("--steps", default="100", help="optimiser steps; default: %(default)s")
    parser.add_argument("--rooms", default="240", help="rendered images; default: %(default)s")
    parser.add_argument("--report", default="scores", help="folder; default: %(default)s")
    options = parser.parse_args(said)
    data = ["--data", options.bag, "--protocol", "bag"]
    lengths = ["--steps", options.steps, "--rendered-frames", options.rooms]
    train = ["train", "--init", "zoedepth-lite", "--out", options.weights, *data]
    code = cli.main([*train, "--frames", options.train, *KEEP, *RATES, *lengths])
    if code:
        return code
    both = ["evaluate", "zoedepth-lite", options.weights, *data]
    return cli.main([*both, "--frames", options.score, "--out", options.report])


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
