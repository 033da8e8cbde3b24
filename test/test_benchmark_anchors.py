"""The table of what anchors make of depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import anchors


def test_the_ways_are_compared_on_a_real_recording(
    checkpoint: Path, living_room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [str(living_room), "--model", str(checkpoint), "--frames", "2", "--anchors", "100"]
    assert anchors.main(said) == 0
    _, _, row = capsys.readouterr().out.splitlines()
    own, scale, line, field = map(float, row.split()[-4:])
    assert min(line, field) <= scale * 1.01
    assert scale < own


@pytest.mark.parametrize(("error", "word"), [(0.12, "reached"), (0.13, "MISSED")])
def test_a_bar_is_reached_or_missed(error: float, word: str) -> None:
    found = {way: [error] for way in (anchors.OWN, anchors.SCALE, anchors.LINE, anchors.FIELD)}
    assert anchors.verdict("zoedepth-lite", found, 300).endswith(word)
    assert word not in anchors.verdict("zoedepth-lite", found, 200)
    assert word not in anchors.verdict("another", found, 300)


def test_no_bag_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert anchors.main(["nonesuch"]) == 1
    assert capsys.readouterr().err.startswith("benchmarks: ")
