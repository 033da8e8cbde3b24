"""A network on the CPU, by what is done for its speed: that the ways agree, and what is said."""

import numpy as np
import pytest

from benchmarks import cpu
from benchmarks.mismatch import MismatchError

pytestmark = pytest.mark.slow

PAIR = [cpu.AS_IT_COMES, "memory kept"]


def test_ways_in_processes_of_their_own_are_timed_in_turn() -> None:
    series = cpu.measure("tiny", PAIR, repeats=1)
    assert list(series) == PAIR
    assert all(len(each) == 1 and each[0] > 1 for each in series.values())


def test_ways_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "TOLERANCE", 0.0)
    with pytest.raises(MismatchError, match="mean depth is"):
        cpu.measure("tiny", [cpu.AS_IT_COMES, "dtype:=bfloat16"], repeats=1)


def test_each_way_is_compared_with_the_first_one() -> None:
    said = cpu.table({"one": np.full(4, 10.0), "another": np.full(4, 5.0)})
    assert "1.00 [1.00, 1.00]" in said
    assert "2.00 [2.00, 2.00]" in said
