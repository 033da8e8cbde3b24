"""Films, animations and contact sheets of frames."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import SettingError
from depth_ros.viz import video
from depth_ros.viz.animation import Animation
from depth_ros.viz.preview import Preview
from test.viz.scene import CAMERA, START_NS, STEP_NS, shot

SUFFIXES = [".mp4", ".gif", ".png"]
Picture = npt.NDArray[np.uint8]


def pictures(path: Path) -> list[Picture]:
    """Return the pictures of a film, an animation or a sheet (one), as OpenCV reads them."""
    if path.suffix == ".gif":
        image = pytest.importorskip("PIL.Image").open(path)
        frames = []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(np.array(image.convert("RGB")))
        return frames
    if path.suffix == ".png":
        sheet = cv2.imread(str(path))
        assert sheet is not None
        return [sheet.astype(np.uint8)]
    film, found = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        found.append(read[1].astype(np.uint8))
    return found


def number_of(picture: Picture, top: int = 0, left: int = 100) -> int:
    """Return the number of the frame in a panel, from its grey level in a video."""
    return round((float(picture[top + 80 : top + 160, left : left + 60].mean()) - 8.5) / 6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_shows_image_depth_and_cloud(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"preview{suffix}"
    preview = Preview(path)
    for number in range(3):
        preview.add("camera", *shot(number))
        assert not path.exists(), "it is there before it is whole"
    preview.close()
    assert list(path.parent.iterdir()) == [path], "what was unfinished stayed"
    found = pictures(path)
    rows = [found[0][top : top + 240] for top in (0, 240, 480)] if suffix == ".png" else found
    assert len(rows) == 3
    for number, row in enumerate(rows):
        assert row.shape == (240, 960, 3)
        assert number_of(row) == number
        assert row[:, 320:640].std() > 30, "depth has no colours"
        assert row[:, 640:].max() > 100, "the cloud has no points"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cameras_stand_below_each_other(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"preview{suffix}"
    preview = Preview(path)
    other = replace(CAMERA, width=40, height=60)
    for number in range(4):
        preview.add("left", *shot(number))
        if number % 2 == 0:  # half as often: it keeps its last frame
            preview.add("right", *shot(number + 20, other))
    preview.close()
    found = pictures(path)
    if suffix == ".png":
        found = [found[0][top : top + 480] for top in range(0, len(found[0]), 480)]
    assert [picture.shape for picture in found] == [(480, 960, 3)] * 4
    assert [number_of(picture) for picture in found] == [0, 1, 2, 3]
    assert [number_of(picture, top=240, left=40) for picture in found] == [20, 20, 22, 22]


def test_a_camera_that_comes_late_still_fits_into_the_film(tmp_path: Path) -> None:
    preview = Preview(tmp_path / "late.mp4")
    for number in range(40):
        preview.add("left", *shot(number))
        if number >= 35:
            preview.add("right", *shot(number))
    preview.close()
    found = pictures(tmp_path / "late.mp4")
    assert len(found) == 40
    assert {picture.shape for picture in found} == {(240, 960, 3)}
    assert found[-1][:, 500:].mean() < 5 < found[0][:, 500:].mean()


def test_a_film_runs_at_the_pace_of_its_stamps(tmp_path: Path) -> None:
    path = tmp_path / "gap.mp4"
    preview = Preview(path)
    numbers = [0, 1, 2, 3, 8, 9, 10, 300, 301]  # half a second is missing, then half a minute
    for number in numbers:
        preview.add("camera", *shot(number)._replace(stamp_ns=START_NS + number * STEP_NS))
    preview.close()
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    shown = [number_of(picture) for picture in pictures(path)]
    assert len(shown) == 10 + 20 + 2, "a gap is at most two seconds"
    assert shown[:12] == [0, 1, 2, 3, 3, 3, 3, 3, 8, 9, 10, 10], "a frame stays until the next"


def test_an_animation_shows_each_frame_as_long_as_it_was(tmp_path: Path) -> None:
    image_of = pytest.importorskip("PIL.Image").open
    preview = Preview(tmp_path / "a.gif")
    for number, stamp_ms in enumerate([0, 100, 300, 9000]):
        preview.add("camera", *shot(number)._replace(stamp_ns=START_NS + stamp_ms * 10**6))
    preview.close()
    image, durations = image_of(tmp_path / "a.gif"), []
    for index in range(image.n_frames):
        image.seek(index)
        durations.append(image.info["duration"])
    assert durations == [100, 200, 500, 500]


def test_a_webp_animation_has_all_colours(tmp_path: Path) -> None:
    image_of = pytest.importorskip("PIL.Image").open
    animation = Animation(tmp_path / "a.webp", most=4)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    for number in range(8):
        animation.add(
            number * 10**8, np.stack([ramp, ramp[:, ::-1], ramp * 0 + 30 * number], axis=-1)
        )
    animation.close()
    image = image_of(tmp_path / "a.webp")
    assert (image.format, image.n_frames) == ("WEBP", 4)
    assert len(np.unique(np.array(image.convert("RGB")).reshape(-1, 3), axis=0)) > 240
    image.seek(3)
    image.load()
    assert image.info["duration"] == 200


def test_a_sheet_is_an_even_choice_of_a_long_recording(tmp_path: Path) -> None:
    preview = Preview(tmp_path / "long.png")
    for number in range(40):
        preview.add("camera", *shot(number))
    preview.close()
    (sheet,) = pictures(tmp_path / "long.png")
    numbers = [number_of(sheet, top) for top in range(0, len(sheet), 240)]
    assert len(numbers) == 8
    assert numbers[0] == 0
    assert numbers[-1] >= 35
    assert max(np.diff(numbers)) <= 2 * min(np.diff(numbers))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_a_frame_there_is_no_file(suffix: str, tmp_path: Path) -> None:
    Preview(tmp_path / f"preview{suffix}").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_single_frame_is_shown(suffix: str, tmp_path: Path) -> None:
    preview = Preview(tmp_path / f"one{suffix}")
    preview.add("camera", *shot(0))
    preview.close()
    assert len(pictures(tmp_path / f"one{suffix}")) == 1


def test_an_older_preview_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "preview.png"
    path.write_text("old")
    preview = Preview(path)
    preview.add("camera", *shot(0))
    assert path.read_text() == "old"
    preview.close()
    assert len(pictures(path)) == 1


def test_frames_without_any_depth_are_drawn(tmp_path: Path) -> None:
    preview = Preview(tmp_path / "none.png")
    for depth in (np.nan, np.inf):
        frame = shot(0)
        preview.add("camera", *frame._replace(depth_m=np.full_like(frame.depth_m, depth)))
    preview.close()
    (sheet,) = pictures(tmp_path / "none.png")
    assert sheet.shape == (480, 960, 3)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"preview\.avi.*expected a name in \.mp4, \.gif, \.png"):
        Preview(tmp_path / "preview.avi")


def test_a_missing_pillow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SettingError, match="pip install pillow"):
        Preview(tmp_path / "preview.gif")


def test_a_film_is_of_a_kind_that_browsers_show(tmp_path: Path) -> None:
    pytest.importorskip("av")
    preview = Preview(tmp_path / "a.mp4")
    preview.add("camera", *shot(0))
    preview.close()
    code = int(cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FOURCC))
    assert code.to_bytes(4, "little") in (b"h264", b"avc1")


@pytest.mark.parametrize("codecs", [("vp09",), ()])
def test_without_pyav_a_film_is_vp9_or_refused_with_the_cure(
    codecs: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    monkeypatch.setattr(video, "_OPENCV_CODECS", codecs)
    path = tmp_path / "a.mp4"
    if not codecs:
        with pytest.raises(SettingError, match=r"expected PyAV \(pip install av"):
            Preview(path)
        assert not list(tmp_path.iterdir())
        return
    try:
        preview = Preview(path)
    except SettingError:
        pytest.skip("this OpenCV has no VP9")
    preview.add("camera", *shot(0))
    preview.close()
    code = int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FOURCC))
    assert code.to_bytes(4, "little") in (b"VP90", b"vp09")


def test_an_animation_has_the_colours_of_near_depth(tmp_path: Path) -> None:
    for suffix in (".gif", ".png"):
        preview = Preview(tmp_path / f"a{suffix}")
        for number in range(3):
            preview.add("camera", *shot(number))
        preview.close()
    (animated, *_), (sheet,) = (pictures(tmp_path / f"a{suffix}") for suffix in (".gif", ".png"))
    scale = animated[-6, 320:640].astype(int), sheet[240 - 6, 320:640, ::-1].astype(int)
    apart = np.abs(scale[0] - scale[1]).mean(axis=-1)
    assert apart[:40].mean() < 6, "the red end"
    assert apart.mean() < 6


def test_two_previews_have_one_scale_whatever_they_begin_with(tmp_path: Path) -> None:
    scales = []
    for number, factor in enumerate((1.0, 2.5)):
        preview = Preview(tmp_path / f"{number}.png")
        stamp_ns, rgb, depth_m, camera = shot(0)
        preview.add("camera", stamp_ns, rgb, factor * depth_m, camera)
        preview.close()
        scales.append(pictures(tmp_path / f"{number}.png")[0][-8:, 320:640])
    one, other = scales
    np.testing.assert_array_equal(one, other)
