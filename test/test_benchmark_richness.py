"""benchmarks.richness: what is left out, and how it is shown."""

from dataclasses import fields

from benchmarks import richness
from depth_ros.training.rooms.richness import FULL
from depth_ros.training.validation import ValidationScores


def test_every_addition_to_the_rooms_is_left_out_once() -> None:
    made = richness.variants()
    assert made["plain scenes"] is None
    assert made["rooms"] == FULL
    for field in fields(FULL):
        variant = made[f"rooms without {field.name}"]
        assert variant is not None
        off = [each.name for each in fields(FULL) if not getattr(variant, each.name)]
        assert off == [field.name]


def test_a_row_shows_means_and_runs() -> None:
    scores = [ValidationScores(0.3, 0.5, 0.2), ValidationScores(0.5, 0.5, 0.1)]
    row = richness.row("rooms", scores)
    assert "0.400 (0.300, 0.500)" in row
    assert "0.150 (0.200, 0.100)" in row
