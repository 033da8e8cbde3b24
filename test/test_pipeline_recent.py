"""Values of the most recently used cameras: what is kept, and what is forgotten."""

from __future__ import annotations

from depth_ros.pipeline.recent import Recent


def test_the_camera_that_was_unused_for_longest_is_forgotten() -> None:
    recent = Recent[str, int]()
    for number in range(8):
        recent.put(f"camera {number}", number)
    recent.put("camera 0", 100)  # now camera 1 is the oldest
    recent.put("camera 8", 8)
    assert recent.get("camera 1") is None
    assert recent.get("camera 0") == 100
    assert [recent.get(f"camera {number}") for number in range(2, 9)] == [*range(2, 9)]


def test_nothing_is_left_after_clear() -> None:
    recent = Recent[str, int]()
    recent.put("camera", 1)
    recent.clear()
    assert recent.get("camera") is None
