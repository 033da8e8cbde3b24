"""depth_ros infer: real pictures and videos to files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import depth_ros
from depth_ros import cli
from depth_ros.cli import exit_codes
from depth_ros.errors import FrameError, SettingError
from depth_ros.geometry.depth import to_millimetres
from depth_ros.infer import pictures, sources, window
from depth_ros.infer.outputs import OutputFiles
from depth_ros.infer.run import Run
from depth_ros.infer.sources import Source
from depth_ros.infer.videos import Reader
from test.calibration_file import calibrated

WIDTH, HEIGHT = 96, 64
CPU = ("--device", "cpu")
FOV = ("--fov-deg", "60", *CPU)


def scene(seed: int = 0) -> Any:
    """A smooth picture, rgb (64, 96, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels: Any = None, exif: dict[int, int] | None = None) -> Path:
    data = Image.Exif()
    for tag, value in (exif or {}).items():
        (data.get_ifd(0x8769) if tag > 0x8000 else data)[tag] = value
    Image.fromarray(scene() if pixels is None else pixels).save(path, exif=data)
    return path


def video(path: Path, count: int = 5, rate_hz: float = 10.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for index in range(count):
        writer.write(np.roll(scene(), 3 * index, axis=1)[..., ::-1])
    writer.release()
    return path


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def infer(*said: str | Path) -> int:
    return cli.main(["infer", *map(str, said)])


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_picture_gives_depth_in_mm_colours_and_a_cloud(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.png")
    assert infer("a.png", "--out", "out", "--cloud", "ply", *FOV) == exit_codes.DONE
    written = ["a_cloud.ply", "a_colour.png", "a_depth.png"]
    assert names(there / "out") == [".depth_ros", *written]
    depth_mm = cv2.imread("out/a_depth.png", cv2.IMREAD_UNCHANGED)
    camera = depth_ros.Camera.from_fov(WIDTH, HEIGHT, 60.0)
    depth = depth_ros.load(device="cpu")(scene(), camera)
    assert depth_mm is not None
    np.testing.assert_array_equal(depth_mm, to_millimetres(depth.depth_m))
    colour = cv2.imread("out/a_colour.png")
    assert colour is not None
    assert colour.shape == (HEIGHT, WIDTH, 3)
    vertices = f"element vertex {len(depth.points().xyz)}".encode()
    assert vertices in (there / "out/a_cloud.ply").read_bytes()
    captured = capsys.readouterr()
    assert "images: 1 with depth, 0 skipped\n" in captured.out
    assert all(f"written: out/{name}\n" in captured.out for name in written[1:])
    assert "the camera is a guess from fov_deg 60" in captured.err


def test_the_model_is_that_of_the_settings_unless_an_option_names_one(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.png")
    wrong = ("--set", "model=zoedepht-lite")
    assert infer("a.png", "--out", "out", *wrong, *FOV) == exit_codes.WRONG
    assert "'zoedepht-lite' is unknown, did you mean zoedepth-lite" in capsys.readouterr().err
    assert infer("a.png", "--out", "out", *wrong, "--model", "zoedepth-lite", *FOV) == 0


def test_anchors_are_refused_before_the_model_is_loaded(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.png")
    assert infer("a.png", "--out", "out", "--set", "scale.mode=anchors", *FOV) == exit_codes.WRONG
    assert "scale.mode is 'anchors', which pictures lack" in capsys.readouterr().err


def test_a_range_of_colours_that_is_given_is_used(there: Path) -> None:
    save(there / "a.png")
    near = ("--set", "colour.near_m=100", "--set", "colour.far_m=200")
    for folder, settings in (("own", ()), ("given", near)):
        assert infer("a.png", "--out", folder, *settings, *FOV) == exit_codes.DONE
    own, given = (cv2.imread(f"{folder}/a_colour.png") for folder in ("own", "given"))
    assert own is not None
    assert given is not None
    assert len(np.unique(own.reshape(-1, 3), axis=0)) > 1
    assert len(np.unique(given.reshape(-1, 3), axis=0)) == 1, "all is nearer than that"


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_numpy_files_hold_metres(there: Path, form: str) -> None:
    save(there / "a.png")
    assert infer("a.png", "--out", "out", "--format", form, *FOV) == exit_codes.DONE
    loaded = np.load(f"out/a_depth.{form}")
    camera = depth_ros.Camera.from_fov(WIDTH, HEIGHT, 60.0)
    depth_m = loaded["depth_m"] if form == "npz" else loaded
    expected = depth_ros.load(device="cpu")(scene(), camera).depth_m
    np.testing.assert_array_equal(depth_m, expected)
    if form == "npz":
        np.testing.assert_allclose(loaded["K"], camera.matrix)


def test_grin_writes_its_confidence(there: Path) -> None:
    save(there / "a.png")
    settings = ("grin.samples=2", "grin.steps=2", "grin.query_stride=8")
    model = ("--model", "grin-tiny", *(f"--set={setting}" for setting in settings))
    assert infer("a.png", "--out", "out", "--format", "npz", *model, *FOV) == exit_codes.DONE
    assert np.load("out/a_depth.npz")["confidence"].shape == (HEIGHT, WIDTH)


def test_folders_patterns_and_names_that_are_the_same(there: Path) -> None:
    for folder in ("one", "two"):
        (there / folder).mkdir()
        save(there / folder / "a.jpg")
    (there / "one" / "notes.txt").write_text("no picture")
    save(there / "one" / "b.PNG.png")
    assert infer("one", "tw*/*.jpg", "one/a.jpg", "--out", "out", *FOV) == exit_codes.DONE
    depths = [name for name in names(there / "out") if "depth" in name and name[0] != "."]
    assert depths == ["a-2_depth.png", "a_depth.png", "b.PNG_depth.png"]


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (scene()[..., 0], np.repeat(scene()[..., :1], 3, axis=2)),
        (scene()[..., 0].astype(np.uint16) * 257, np.repeat(scene()[..., :1], 3, axis=2)),
        (np.dstack([scene(), scene()[..., 0]]), scene()),
    ],
    ids=["grey", "16-bit grey", "with alpha"],
)
def test_pictures_become_8_bits_of_three_colours(
    tmp_path: Path, pixels: Any, expected: Any
) -> None:
    path = tmp_path / "a.png"
    bgr = pixels[..., [2, 1, 0, 3]] if pixels.ndim == 3 else pixels
    cv2.imwrite(str(path), bgr)
    np.testing.assert_array_equal(pictures.read(path, 10**6).rgb, expected)


def test_a_picture_is_upright_and_its_calibration_is_turned_with_it(there: Path) -> None:
    save(there / "a.png", np.ascontiguousarray(np.rot90(scene())), {0x0112: 6})
    picture = pictures.read(there / "a.png", 10**6)
    np.testing.assert_array_equal(picture.rgb, scene())
    stored = depth_ros.Camera(HEIGHT, WIDTH, 80.0, 82.0, 30.0, 50.0)
    path = calibrated(there / "camera.yaml", stored)
    assert infer("a.png", "--camera", path, "--format", "npz", "--out", "out", *CPU) == 0
    found = np.load("out/a_depth.npz")
    np.testing.assert_allclose(found["K"], stored.turned(1).matrix)
    save(there / "mirrored.png", exif={0x0112: 2})
    with pytest.raises(FrameError, match="mirrored"):
        pictures.read(there / "mirrored.png", 10**6)


def test_a_calibration_is_scaled_to_the_size_of_the_picture(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = depth_ros.Camera.from_fov(2 * WIDTH, 2 * HEIGHT, 70.0)
    path = calibrated(there / "camera.yaml", camera)
    save(there / "a.png")
    save(there / "square.png", scene()[:, :HEIGHT])
    said = ("--camera", path, "--format", "npz", "--out", "out", *CPU)
    assert infer("a.png", "square.png", *said) == exit_codes.DAMAGED
    np.testing.assert_allclose(np.load("out/a_depth.npz")["K"], camera.scale(WIDTH, HEIGHT).matrix)
    assert "skipped square.png: image is 64x64, camera is for 192x128" in capsys.readouterr().err


def test_the_focal_length_of_exif_data_is_used_and_said(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.jpg", exif={0xA405: 27})
    assert infer("a.jpg", "--format", "npz", "--out", "out", *CPU) == exit_codes.DONE
    f_px = np.load("out/a_depth.npz")["K"][0, 0]
    assert f_px == pytest.approx(27 / np.hypot(36, 24) * np.hypot(WIDTH, HEIGHT))
    message = "that of the EXIF data, of a.jpg 27 mm (35 mm equivalent), 67 deg across\n"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4", "camera:0"])
def test_a_camera_is_never_guessed(
    there: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.jpg")
    (there / "a.mp4").write_bytes(b"whatever")
    assert infer(name, "--out", "out", *CPU) == exit_codes.WRONG
    error = capsys.readouterr().err
    assert f"the camera of {name} is unknown, expected --camera" in error
    assert all(way in error for way in ("--camera FILE.yaml", "--fov-deg DEG", "EXIF"))
    assert not (there / "out").exists()


def test_pictures_without_a_camera_beside_others_are_skipped(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.jpg", exif={0xA405: 27})
    save(there / "b.jpg")
    assert infer("a.jpg", "b.jpg", "--out", "out", *CPU) == exit_codes.DAMAGED
    captured = capsys.readouterr()
    assert "skipped b.jpg: the camera is unknown, expected --camera" in captured.err
    assert "images: 1 with depth, 1 skipped" in captured.out


def test_bad_pictures_are_skipped_and_counted(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "good.jpg")
    whole = (there / "good.jpg").read_bytes()
    (there / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (there / "empty.png").write_bytes(b"")
    (there / "text.webp").write_text("no picture at all")
    (there / "film.mp4").write_text("no film at all")
    bad = ("cut.jpg", "empty.png", "text.webp", "film.mp4")
    assert infer(*bad, "good.jpg", "--out", "out", *FOV) == exit_codes.DAMAGED
    captured = capsys.readouterr()
    assert "images: 1 with depth, 4 skipped" in captured.out
    assert all(f"skipped {name}: " in captured.err for name in bad)
    assert infer(*bad, "--out", "none", *FOV) == exit_codes.FAILED


@pytest.mark.parametrize("name", ["a.png", "a.mp4"])
def test_what_has_more_pixels_than_allowed_is_not_decoded(
    there: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (save if name == "a.png" else video)(there / name)
    limit = ("--set", "max_image_pixels=6143")
    assert infer(name, "--out", "out", *limit, *FOV) == exit_codes.FAILED
    assert "96x64, expected at most max_image_pixels (6143)" in capsys.readouterr().err


def test_a_video_gives_depth_per_frame_and_a_film(there: Path) -> None:
    video(there / "a.mp4")
    said = ("--cloud", "pcd", "--set", "scale.steady_s=0.5")
    assert infer("a.mp4", "--out", "out", *said, *FOV) == exit_codes.DONE
    frames = [f"{index:06d}" for index in range(5)]
    assert names(there / "out") == [
        ".depth_ros",
        *(f"a_cloud/{name}.pcd" for name in frames),
        "a_colour.mp4",
        *(f"a_depth/{name}.png" for name in frames),
    ]
    film = cv2.VideoCapture("out/a_colour.mp4")
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    assert film.get(cv2.CAP_PROP_FRAME_WIDTH) == WIDTH


def test_the_number_of_frames_is_limited(there: Path) -> None:
    video(there / "a.mp4")
    assert infer("a.mp4", "--out", "out", "--frames", "2", *FOV) == exit_codes.DONE
    assert [n for n in names(there / "out") if "depth/" in n] == [
        "a_depth/000000.png",
        "a_depth/000001.png",
    ]


def test_a_videos_frames_have_their_times(tmp_path: Path) -> None:
    source = Source("video", video(tmp_path / "a.mp4"), "a")
    reader = Reader(source)
    assert reader.count == 5
    frames = list(reader.frames())
    np.testing.assert_allclose([f.stamp_ns / 1e9 for f in frames], np.arange(5) / 10, atol=1e-3)
    assert np.abs(frames[0].rgb.astype(int) - scene()).mean() < 12, "red first"


def test_the_whole_part_of_a_damaged_video_is_answered(
    there: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = cv2.VideoWriter("a.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (WIDTH, HEIGHT))
    for _ in range(20):
        whole.write(scene())
    whole.release()
    data = (there / "a.avi").read_bytes()
    (there / "a.avi").write_bytes(data[: len(data) // 2])
    assert infer("a.avi", "--out", "out", *FOV) == exit_codes.DAMAGED
    depths = [name for name in names(there / "out") if name.startswith("a_depth/")]
    assert 5 <= len(depths) <= 12
    captured = capfd.readouterr()
    assert f"skipped a.avi: ends after {len(depths)} of 20 frames: it is damaged" in captured.err
    assert (there / "out" / "a_colour.mp4").exists()


class Webcam:
    """What is used of cv2.VideoCapture, of a camera that is unplugged in the end."""

    def __init__(self, count: int, end: BaseException | None = None) -> None:
        self._left, self._end = count, end
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, Any]:
        self._left -= 1
        if self._left < 0 and self._end:
            raise self._end
        return self._left >= 0, scene()[..., ::-1]

    def get(self, propId: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released = True


def test_a_webcam_is_read_until_it_is_unplugged(tmp_path: Path) -> None:
    webcam, estimator = Webcam(3), depth_ros.load(device="cpu", fov_deg=60.0)
    found = sources.find(["camera:0"])
    assert (found[0].kind, found[0].webcam, found[0].name) == ("webcam", 0, "camera0")
    run = Run(estimator, OutputFiles(tmp_path), opener=lambda source: webcam)
    summary = run(found)
    assert (summary.answered, summary.interrupted) == (3, False)
    assert summary.skipped == {"camera:0": "camera:0 stopped after 3 frames"}
    assert webcam.released
    assert (tmp_path / "camera0_colour.mp4").exists()


def test_a_missing_webcam_is_one_line(there: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert infer("camera:97", "--out", "out", *FOV) == exit_codes.FAILED
    lines = [line for line in capfd.readouterr().err.splitlines() if "97" in line]
    assert lines == [
        "depth_ros: skipped camera:97: cannot be opened, expected a readable /dev/video97 that no "
        "other program uses"
    ]


def test_ctrl_c_keeps_what_is_done(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    webcam = Webcam(3, KeyboardInterrupt())
    monkeypatch.setattr("cv2.VideoCapture", lambda *_: webcam)
    save(there / "a.png")
    code = infer("a.png", "camera:0", "a.png", "--out", "out", *FOV)
    assert code == exit_codes.INTERRUPTED
    assert "images: 4 with depth, 0 skipped, interrupted" in capsys.readouterr().out
    written = names(there / "out")
    assert {"a_depth.png", "camera0_colour.mp4", "camera0_depth/000002.png"} <= set(written)
    assert not [name for name in written if ".part" in name]
    assert webcam.released


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://example.com/a.jpg", "is a URL, but infer only reads files: download it"),
        ("rtsp://camera/stream", "is a URL"),
        ("nothing.jpg", "does not exist, expected a picture"),
        ("*.jpg", "does not exist"),
        ("", "does not exist"),
        ("notes.txt", "is of an unknown kind, expected a picture"),
        ("empty", "contains no pictures or videos"),
        ("camera:x", "does not exist, .*camera:0"),
    ],
)
def test_what_is_no_source_is_refused(there: Path, text: str, words: str) -> None:
    (there / "notes.txt").write_text("no picture")
    (there / "empty").mkdir()
    with pytest.raises(SettingError, match=words):
        sources.find([text])
    assert infer(text, "--out", "out", *FOV) == exit_codes.WRONG
    assert not (there / "out").exists()


def test_nothing_is_removed_that_infer_did_not_write(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.png")
    save(there / "b.png", scene(1))
    (there / "mine").mkdir()
    (there / "mine" / "a_depth.png").write_text("precious")
    assert infer("a.png", "--out", "mine", *FOV) == exit_codes.WRONG
    assert (there / "mine" / "a_depth.png").read_text() == "precious"
    assert infer("a.png", "--out", ".", *FOV) == exit_codes.WRONG
    assert "a.png is in the output folder ." in capsys.readouterr().err
    for name in ("a.png", "b.png", "b.png"):
        assert infer(name, "--out", "out", *FOV) == exit_codes.DONE
    assert {"a_depth.png", "b_depth.png"} <= set(names(there / "out"))


def test_without_a_display_it_says_so_and_goes_on(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    save(there / "a.png")
    assert infer("a.png", "--show", "--out", "out", *FOV) == exit_codes.DONE
    assert "depth_ros: no window: " in capsys.readouterr().err
    assert (there / "out" / "a_depth.png").exists()


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="there is no display")
def test_a_window_shows_pictures_until_it_is_closed() -> None:
    shown = window.Window("test")
    shown.show(scene(), scene())
    shown.close()
    shown.show(scene(), scene())


def test_what_a_window_shows_fits_a_screen() -> None:
    wide = np.zeros((1000, 4000, 3), np.uint8)
    for pixels, size in ((wide, (1280, 320)), (scene(), (WIDTH, HEIGHT))):
        with Image.open(io.BytesIO(window.portable(pixels))) as read:
            assert read.size == size


def test_what_infer_is_asked_for_is_what_the_model_can_give(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(there / "a.png")
    assert infer("a.png", "--model", "depthcrafter", "--out", "out", *FOV) == exit_codes.WRONG
    assert "needs a whole recording" in capsys.readouterr().err
    assert not (there / "out").exists()
