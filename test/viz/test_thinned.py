"""Even choices of sequences."""

from hypothesis import given
from hypothesis import strategies as st

from depth_ros.viz.thinned import Thinned


@given(st.integers(2, 20), st.integers(0, 300))
def test_what_is_kept_is_even_begins_at_the_first_and_is_neither_too_much_nor_too_little(
    most: int, length: int
) -> None:
    thinned: Thinned[int] = Thinned(most)
    for item in range(length):
        thinned.add(item)
    kept = thinned.items
    step = kept[1] if len(kept) > 1 else 1
    assert kept == list(range(0, length, step))
    assert min(length, most // 2) <= len(kept) <= most
