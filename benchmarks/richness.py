"""Effect of each addition to the rendered rooms on real frames.

Small networks are trained for a few hundred steps on rendered frames alone, from the encoder's
ImageNet weights: on plain scenes, on furnished rooms, and on these without one of their additions,
with two seeds each. All are scored on real frames that are not used in training.
Run as python -m benchmarks.richness --data FOLDER (of the protocol rgbd-folder).
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.command import in_one_line
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.models.lite.config import preprocessing_of
from depth_ros.training import lite
from depth_ros.training.frames import Batch, Rgbd
from depth_ros.training.log_depth import LogDepth
from depth_ros.training.mixture import Mixture, Source
from depth_ros.training.rendered import rendered_stores
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.store import FrameStore, stores_of
from depth_ros.training.train import TrainConfig, Trainer
from depth_ros.training.validation import ValidationScores, validate
from depth_ros.training.views import whole_views

SIZE = (128, 96)
"""Width and height of the networks' input."""
SEEDS = (0, 1)


def variants() -> dict[str, Richness | None]:
    """Return the variants of training data, by name; None means plain scenes."""
    without = {
        f"rooms without {field.name}": replace(FULL, **{field.name: False})
        for field in fields(Richness)
    }
    return {"plain scenes": None, "rooms": FULL, **without}


@dataclass(frozen=True)
class Runs:
    """Parameters shared by all training runs.

    Attributes:
        init: initial weights, see lite.start.
        frames: number of rendered frames of each run.
        config: of the training, without the seed.
        tests: the test frames.
    """

    init: str
    frames: int
    config: TrainConfig
    tests: Sequence[Batch]

    def one(self, run: tuple[Richness | None, int]) -> ValidationScores:
        """Train one network, with a richness and a seed, and score it."""
        richness, seed = run
        network = lite.start(self.init, seed, SIZE)
        sizes = network.config
        objective = LogDepth(preprocessing_of(sizes), sizes.training_f_px)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            stores = rendered_stores(
                folder, self.frames, SIZE, seed, richness=richness, processes=1
            )
            mixture = Mixture([Source(stores)], lite.shapes(sizes), self.config.batch, seed)
            config = replace(self.config, seed=seed, rates=lite.RATES)
            trained = Trainer(network, objective, mixture, config, folder).run()
        return validate(trained, objective, self.tests)

    def all(self, jobs: int) -> Iterator[tuple[str, Sequence[ValidationScores]]]:
        """Yield every variant's name and its runs' scores, from parallel processes."""
        made = variants()
        # A forked process would inherit torch's threads without running them.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (1,)) as pool:
            scores = pool.map(self.one, product(made.values(), SEEDS))
            for name in made:
                yield name, [next(scores) for _ in SEEDS]


def real(folder: Path, limit: int) -> list[Batch]:
    """Return evenly selected real frames, resized for networks of SIZE."""
    protocol = PROTOCOLS["rgbd-folder"]
    samples = list(protocol.samples(folder))
    picked = samples[:: max(1, len(samples) // limit)]
    recorded = [Rgbd(s.frame.rgb, protocol.counted(s.truth_m), s.frame.camera) for s in picked]
    return [_whole(store) for store in stores_of(recorded, SIZE[0])]


def _whole(store: FrameStore) -> Batch:
    return whole_views(store, SIZE[1], SIZE[0])


def row(name: str, scores: Sequence[ValidationScores]) -> str:
    """Return the scores of one variant's runs, as text."""
    own = [score.abs_rel for score in scores]
    scaled = [score.scaled_abs_rel for score in scores]
    both = "".join(f"{np.mean(each):>10.3f} {_runs(each):<16}" for each in (own, scaled))
    return f"{name:<26}{both}"


def _runs(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in values) + ")"


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Train, score and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.richness", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of RGB-D to score on")
    parser.add_argument("--steps", type=int, default=300, help="of every training run")
    parser.add_argument("--frames", type=int, default=256, help="rendered for every run")
    parser.add_argument("--limit", type=int, default=100, help="real frames to score on")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of one thread each")
    parser.add_argument("--init", default=lite.IMAGENET, help="start weights")
    options = parser.parse_args(arguments)
    config = TrainConfig(options.steps, batch=16, learning_rate=1e-3, ema=0.98, bf16=True)
    tests = real(options.data, options.limit)
    print(f"{'trained on':<26}{'AbsRel':>10} {'(runs)':<16}{'scaled':>10} (runs)")
    for name, scores in Runs(options.init, options.frames, config, tests).all(options.jobs):
        print(row(name, scores), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
