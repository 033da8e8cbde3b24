"""Every dataset's layout and encoding, on trees of a few images that are written here."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.bag import reader, writer
from depth_ros.config import Settings
from depth_ros.errors import BagError, SettingError
from depth_ros.evaluation.datasets import bag, ddad, diode, folder, ibims, kitti, nyu, sun_rgbd
from depth_ros.evaluation.datasets.files import DatasetError, metres, optional
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.geometry.camera import Camera
from test.messages.depth_files import packed

Rgb = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]


def picture(height: int, width: int, seed: int = 0) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def depth(height: int, width: int, seed: int = 0) -> Metres:
    return np.random.default_rng(seed).uniform(0.5, 9, (height, width)).astype(np.float32)


def write_image(path: Path, array: Rgb | npt.NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)


def only(samples: Samples) -> Sample:
    (sample,) = samples
    assert samples.total in (1, None)
    assert sample.truth_m.dtype == np.float32
    assert sample.frame.rgb.dtype == np.uint8
    return sample


# --- NYU ---


def write_nyu_mat(root: Path, rgb: Rgb, depth_m: Metres) -> None:
    h5py, scipy = optional("h5py"), optional("scipy.io")
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = np.stack([np.zeros_like(rgb), rgb]).transpose(0, 3, 2, 1)
        file["rawDepths"] = np.stack([np.ones_like(depth_m), depth_m]).transpose(0, 2, 1)
    scipy.savemat(root / "splits.mat", {"testNdxs": np.array([[2]])})


def test_nyus_labelled_mat_is_read_with_matlabs_axes_and_numbers(tmp_path: Path) -> None:
    rgb, depth_m = picture(480, 640), depth(480, 640)
    depth_m[9, 11] = 0
    write_nyu_mat(tmp_path, rgb, depth_m)
    sample = only(nyu.samples(tmp_path))
    assert (sample.frame.rgb[7:474, 7:632] == rgb[7:474, 7:632]).all()
    assert not sample.frame.rgb[:7].any(), "the white frame is black"
    assert math.isnan(sample.truth_m[9, 11])
    assert sample.truth_m[300, 20] == depth_m[300, 20]
    assert sample.name == "00002"


def test_nyus_extracted_pngs_are_millimetres(tmp_path: Path) -> None:
    rgb = np.full((480, 640, 3), 90, np.uint8)
    stored = np.full((480, 640), 2500, np.uint16)
    stored[3, 4] = 0
    write_image(tmp_path / "test" / "office" / "rgb_00045.jpg", rgb)
    write_image(tmp_path / "test" / "office" / "sync_depth_00045.png", stored)
    sample = only(nyu.samples(tmp_path))
    assert sample.truth_m[0, 0] == 2.5
    assert math.isnan(sample.truth_m[3, 4])
    assert sample.name == "office/rgb_00045"


def test_nyu_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lacks test/\*/rgb_.*expected nyu_depth_v2_labeled"):
        nyu.samples(tmp_path)
    write_image(tmp_path / "test" / "office" / "rgb_00045.jpg", picture(480, 640))
    with pytest.raises(DatasetError, match=r"lacks test/office/sync_depth_00045\.png"):
        nyu.samples(tmp_path)


# --- KITTI ---

DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0002_sync"
IMAGE = f"{DATE}/{DRIVE}/image_02/data/0000000069.png"
CALIBRATION = f"raw/{DATE}/calib_cam_to_cam.txt"
TRUTH = f"{DRIVE}/proj_depth/groundtruth/image_02/0000000069.png"


def write_kitti(root: Path) -> tuple[Rgb, npt.NDArray[np.uint16]]:
    rgb = picture(375, 1242)
    stored = np.zeros((375, 1242), np.uint16)
    stored[200:300:4, 100:900:7] = 5120
    write_image(root / "raw" / IMAGE, rgb)
    write_image(root / "gts" / TRUTH, stored)
    split = f"{IMAGE} {TRUTH} 721.5377\n{IMAGE.replace('69', '70')} None 721.5377\n"
    (root / "kitti_eigen_test_files_with_gt.txt").write_text(split)
    (root / "raw" / DATE / "calib_cam_to_cam.txt").write_text(
        "calib_time: 09-Jan-2012 13:57:47\n"
        "P_rect_02: 7.2e+02 0 6.0e+02 4.4e+01 0 7.1e+02 1.7e+02 2.1e-01 0 0 1 2.7e-03\n"
    )
    return rgb, stored


def test_kitti_is_cut_to_the_benchmarks_image_with_its_camera(tmp_path: Path) -> None:
    rgb, stored = write_kitti(tmp_path)
    sample = only(kitti.samples(tmp_path))
    assert (sample.frame.rgb == rgb[23:, 13:1229]).all()
    assert sample.frame.camera == Camera(1216, 352, 720, 710, 600 - 13, 170 - 23)
    assert np.isnan(sample.truth_m).sum() == sample.truth_m.size - (stored > 0).sum()
    assert np.nanmax(sample.truth_m) == np.nanmin(sample.truth_m) == 5120 / 256
    assert sample.name == f"{DRIVE}/0000000069"


@pytest.mark.parametrize(
    "file",
    ["kitti_eigen_test_files_with_gt.txt", f"raw/{IMAGE}", f"gts/{TRUTH}", CALIBRATION],
)
def test_kitti_says_what_is_missing(tmp_path: Path, file: str) -> None:
    write_kitti(tmp_path)
    (tmp_path / file).unlink()
    missing = "*eigen_test_files_with_gt.txt" if "eigen" in file else file
    with pytest.raises(DatasetError) as caught:
        kitti.samples(tmp_path)
    assert f"lacks {missing}; expected " in str(caught.value)


def test_a_calibration_without_the_left_camera_is_refused(tmp_path: Path) -> None:
    write_kitti(tmp_path)
    path = tmp_path / "raw" / DATE / "calib_cam_to_cam.txt"
    path.write_text("P_rect_03: 1 2 3\n")
    with pytest.raises(DatasetError, match="no P_rect_02 of 12 numbers"):
        list(kitti.samples(tmp_path))


# --- DIODE ---


def test_diodes_depth_counts_where_its_mask_says(tmp_path: Path) -> None:
    stem = tmp_path / "val" / "indoors" / "scene_00019" / "scan_00183" / "00019_00183_indoors_0"
    rgb, depth_m = picture(768, 1024), depth(768, 1024)
    write_image(stem.with_suffix(".png"), rgb)
    mask = np.ones((768, 1024), np.float32)
    mask[5, 6] = 0
    np.save(f"{stem}_depth.npy", depth_m[..., None])
    with pytest.raises(DatasetError, match=r"lacks .*_indoors_0_depth_mask\.npy"):
        diode.samples(tmp_path)
    np.save(f"{stem}_depth_mask.npy", mask)
    sample = only(diode.samples(tmp_path))
    assert (sample.frame.rgb == rgb).all()
    assert sample.frame.camera == diode.CAMERA
    assert np.argwhere(np.isnan(sample.truth_m)).tolist() == [[5, 6]]
    assert sample.truth_m[100, 900] == depth_m[100, 900]


# --- iBims-1 ---


def write_ibims(root: Path) -> tuple[Rgb, Metres]:
    rgb, depth_m = picture(48, 64), depth(48, 64)
    valid, opaque = np.ones((2, 48, 64), np.uint8)
    valid[1, 2] = opaque[3, 4] = 0
    calib = np.array([[55.0, 0, 0], [0, 56.0, 0], [33.0, 25.0, 1]])
    data = {"rgb": rgb, "depth": depth_m, "mask_invalid": valid}
    data |= {"mask_transp": opaque, "calib": calib}
    (root / "ibims1_core_mat").mkdir()
    optional("scipy.io").savemat(root / "ibims1_core_mat" / "corridor_01.mat", {"data": data})
    (root / "imagelist.txt").write_text("corridor_01\n")
    return rgb, depth_m


def test_ibims_structs_are_read_with_both_masks_and_matlabs_camera(tmp_path: Path) -> None:
    rgb, depth_m = write_ibims(tmp_path)
    sample = only(ibims.samples(tmp_path))
    assert (sample.frame.rgb == rgb).all()
    assert sample.frame.camera == Camera(64, 48, 55, 56, 32, 24)
    assert np.argwhere(np.isnan(sample.truth_m)).tolist() == [[1, 2], [3, 4]]
    assert sample.truth_m[40, 60] == depth_m[40, 60]


def test_ibims_says_what_is_missing(tmp_path: Path) -> None:
    names = [f"room_{index}" for index in range(5)]
    (tmp_path / "imagelist.txt").write_text("\n".join(names))
    with pytest.raises(DatasetError, match=r"room_0\.mat, .*room_2\.mat and 2 more; expected"):
        ibims.samples(tmp_path)


# --- SUN RGB-D ---


def write_sun(root: Path) -> tuple[Rgb, npt.NDArray[np.uint16]]:
    split = root / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"
    split.parent.mkdir(parents=True)
    cells = np.empty((1, 1), object)
    cells[0, 0] = "/n/fs/sun3d/data/SUNRGBD/kv2/kinect2data/000002_2014"
    optional("scipy.io").savemat(split, {"alltest": cells})
    scene = root / "SUNRGBD" / "kv2" / "kinect2data" / "000002_2014"
    rgb = np.full((30, 40, 3), (10, 120, 240), np.uint8)
    mm = np.full((30, 40), 3001, np.uint16)
    mm[2, 3] = 0
    write_image(scene / "image" / "0000002.jpg", rgb)
    write_image(scene / "depth_bfx" / "0000002.png", ((mm << 3) | (mm >> 13)).astype(np.uint16))
    (scene / "intrinsics.txt").write_text("529.5 0 20 \n0 530.5 15 \n0 0 1 \n")
    return rgb, mm


def test_suns_depth_has_its_bits_rotated_back(tmp_path: Path) -> None:
    rgb, mm = write_sun(tmp_path)
    sample = only(sun_rgbd.samples(tmp_path))
    assert np.abs(sample.frame.rgb.astype(int) - rgb).max() <= 3, "JPEG, red first"
    assert sample.frame.camera == Camera(40, 30, 529.5, 530.5, 20, 15)
    assert sample.truth_m[5, 5] == pytest.approx(3.001)
    assert np.argwhere(np.isnan(sample.truth_m)).tolist() == [[2, 3]]
    assert sample.name == "000002_2014"
    assert int(mm[5, 5]) == 3001


def test_sun_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lacks SUNRGBDtoolbox/.*allsplit\.mat; expected"):
        sun_rgbd.samples(tmp_path)
    write_sun(tmp_path)
    (tmp_path / "SUNRGBD/kv2/kinect2data/000002_2014/intrinsics.txt").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*000002_2014/intrinsics\.txt"):
        sun_rgbd.samples(tmp_path)


# --- DDAD ---

QUARTER_TURN = {"qw": math.sqrt(0.5), "qx": 0.0, "qy": 0.0, "qz": math.sqrt(0.5)}
STILL = {"qw": 1.0, "qx": 0.0, "qy": 0.0, "qz": 0.0}


def write_ddad(root: Path) -> None:
    scene = root / "000150"
    origin = {"x": 0.0, "y": 0.0, "z": 0.0}
    sensors = {
        "CAMERA_01": ("image", "rgb/CAMERA_01/15.png", {"rotation": STILL, "translation": origin}),
        "LIDAR": (
            "point_cloud",
            "point_cloud/LIDAR/15.npz",
            {"rotation": QUARTER_TURN, "translation": {"x": 0.0, "y": 0.0, "z": 1.0}},
        ),
    }
    data = [
        {"key": name, "id": {"name": name}, "datum": {kind: {"filename": file, "pose": pose}}}
        for name, (kind, file, pose) in sensors.items()
    ]
    samples = [{"datum_keys": list(sensors), "calibration_key": "c0"}]
    write_image(scene / "rgb" / "CAMERA_01" / "15.png", picture(20, 30))
    (scene / "point_cloud" / "LIDAR").mkdir(parents=True)
    # In the lidar's frame; a quarter turn about z takes (0, -1) to (1, 0).
    points = np.array([[0, -1, 4, 9], [0, -1.001, 4.004, 9], [0, -2, 8, 9], [0, 0, -5, 9]])
    np.savez(scene / "point_cloud" / "LIDAR" / "15.npz", data=points.astype(np.float32))
    (scene / "calibration").mkdir()
    k = {"fx": 40.0, "fy": 41.0, "cx": 14.5, "cy": 9.5, "skew": 0.0}
    calibration = {"names": ["LIDAR", "CAMERA_01"], "intrinsics": [{}, k]}
    (scene / "calibration" / "c0.json").write_text(json.dumps(calibration))
    (scene / "scene_ab.json").write_text(json.dumps({"data": data, "samples": samples}))
    split = {"scene_splits": {"0": {}, "1": {"filenames": ["000150/scene_ab.json"]}}}
    (root / "ddad.json").write_text(json.dumps(split))


def test_ddads_points_are_moved_by_both_poses_and_the_nearest_counts(tmp_path: Path) -> None:
    write_ddad(tmp_path)
    sample = only(ddad.samples(tmp_path))
    assert sample.frame.camera == Camera(30, 20, 40, 41, 14.5, 9.5)
    # (0, -1, 4) is (1, 0, 5) to the camera: u = 40 / 5 + 14.5 = 22.5, v = 9.5.
    assert np.argwhere(np.isfinite(sample.truth_m)).tolist() == [[9, 22], [9, 23]]
    assert sample.truth_m[9, 22] == pytest.approx(5.0, abs=0.01)
    assert sample.truth_m[9, 23] == pytest.approx(9.0)
    assert sample.clip == "000150"
    assert sample.pose == pytest.approx(np.eye(4))


def test_of_points_in_one_pixel_the_nearest_counts() -> None:
    points = np.array([[0, 0, 5.0], [0, 0, 2.0], [0, 0, 9.0]])
    depth_m = ddad.splat(points, Camera(4, 2, 3.0, 3.0, 1.5, 0.5))
    assert np.nansum(depth_m) == 2.0


def test_ddad_says_what_is_missing_or_wrong(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lacks ddad\.json; expected ddad\.json whose"):
        ddad.samples(tmp_path)
    write_ddad(tmp_path)
    (tmp_path / "000150/point_cloud/LIDAR/15.npz").unlink()
    with pytest.raises(DatasetError, match=r"lacks 000150/point_cloud/LIDAR/15\.npz"):
        ddad.samples(tmp_path)
    (tmp_path / "000150/scene_ab.json").write_text("{}")
    with pytest.raises(DatasetError, match="is not DDAD's"):
        ddad.samples(tmp_path)


# --- a folder ---


def write_folder(root: Path) -> tuple[Rgb, Metres]:
    rgb, depth_m = picture(12, 20), depth(12, 20)
    depth_m[1, 2] = np.nan
    write_image(root / "rgb" / "0001.png", rgb)
    (root / "depth").mkdir()
    np.save(root / "depth" / "0001.npy", depth_m)
    (root / "intrinsics.txt").write_text("15 16 9.5 5.5\n")
    return rgb, depth_m


def test_a_folders_arrays_are_metres(tmp_path: Path) -> None:
    rgb, depth_m = write_folder(tmp_path)
    sample = only(folder.samples(tmp_path))
    assert (sample.frame.rgb == rgb).all()
    assert sample.truth_m == pytest.approx(depth_m, nan_ok=True)
    assert sample.frame.camera == Camera(20, 12, 15, 16, 9.5, 5.5)
    assert sample.pose is None


def test_a_folders_pngs_are_millimetres_and_its_camera_may_have_a_lens(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "depth" / "0001.npy").unlink()
    write_image(tmp_path / "depth" / "0001.png", np.full((12, 20), 1234, np.uint16))
    camera = {"fx": 15, "fy": 16, "cx": 9.5, "cy": 5.5}
    lens = {"lens": "plumb_bob", "coefficients": [0.1, 0.01, 0, 0]}
    (tmp_path / "camera.json").write_text(json.dumps({**camera, **lens}))
    (tmp_path / "poses.txt").write_text("1 0 0 0.5 0 1 0 0 0 0 1 0\n")
    sample = only(folder.samples(tmp_path))
    assert sample.truth_m == pytest.approx(np.full((12, 20), 1.234))
    assert sample.frame.camera.coefficients == (0.1, 0.01, 0, 0)
    assert sample.pose is not None
    assert sample.pose[:, 3].tolist() == [0.5, 0, 0, 1]


def test_a_matrix_is_as_good_as_four_numbers(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "intrinsics.txt").write_text("15 0 9.5\n0 16 5.5\n0 0 1\n")
    assert only(folder.samples(tmp_path)).frame.camera == Camera(20, 12, 15, 16, 9.5, 5.5)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("intrinsics.txt", "1 2 3", "has 3 numbers, expected 4 or 9"),
        ("camera.json", '{"fx": 1}', "lacks some of"),
        ("poses.txt", "1 2 3", r"shape \(1, 3\), expected \(1, 12\)"),
    ],
)
def test_a_folder_with_a_bad_file_is_refused(
    tmp_path: Path, file: str, content: str, complaint: str
) -> None:
    write_folder(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(DatasetError, match=complaint):
        folder.samples(tmp_path)


def test_a_folder_whose_depth_is_of_another_size_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    np.save(tmp_path / "depth" / "0001.npy", depth(6, 10))
    with pytest.raises(DatasetError, match=r"shape \(6, 10\), its image \(12, 20\)"):
        list(folder.samples(tmp_path))


def test_a_damaged_image_of_a_folder_costs_only_itself(tmp_path: Path) -> None:
    write_folder(tmp_path)
    for part, end in (("rgb", "png"), ("depth", "npy")):
        whole = tmp_path / part / f"0001.{end}"
        shutil.copy(whole, whole.with_stem("0002"))
        shutil.copy(whole, whole.with_stem("0003"))
    (tmp_path / "rgb" / "0001.png").write_bytes(b"no image")
    (tmp_path / "depth" / "0002.npy").write_bytes(b"no array")
    samples = folder.samples(tmp_path)
    for _ in range(2):  # each is counted once, however often the folder is read
        assert [sample.name for sample in samples] == ["0003"]
    (line,) = samples.losses.lines()
    assert line.startswith(f"warning: 2 images left out: {tmp_path / 'rgb' / '0001.png'} is not")


def test_a_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lacks rgb/\*, depth/\*; expected rgb/<name>"):
        folder.samples(tmp_path)
    write_folder(tmp_path)
    (tmp_path / "depth" / "0001.npy").rename(tmp_path / "depth" / "0002.npy")
    with pytest.raises(DatasetError, match=r"lacks depth/0001\.png"):
        folder.samples(tmp_path)


def test_eight_bit_depth_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "depth" / "0001.npy").unlink()
    write_image(tmp_path / "depth" / "0001.png", np.full((12, 20), 12, np.uint8))
    with pytest.raises(DatasetError, match=r"uint8 .* expected one channel of 16 bits"):
        list(folder.samples(tmp_path))


# --- a bag ---

STEP_NS, START_NS = 100_000_000, 1_700_000_000_000_000_000
BAG_CAMERA = Camera(20, 12, 15.0, 16.0, 9.5, 5.5)


def write_bag(path: Path, late_ns: int = 5_000_000, second: bool = False) -> None:
    with writer.BagWriter(path) as out:
        for step in range(3):
            stamp_ns = START_NS + step * STEP_NS
            rgb = np.full((12, 20, 3), 50 * step, np.uint8)
            mm = np.full((12, 20), 1000 * (step + 1), np.uint16)
            out.write("/cam/camera_info", writer.camera_info(BAG_CAMERA, stamp_ns, "eye"), stamp_ns)
            out.write("/cam/image_raw", writer.image(rgb, "rgb8", stamp_ns, "eye"), stamp_ns)
            if second:
                out.write("/rear/image_raw", writer.image(rgb, "rgb8", stamp_ns, "eye"), stamp_ns)
            # Recorded after the next image: drivers take their time to register depth.
            depth_ns = stamp_ns + late_ns
            image = writer.image(mm, "16UC1", depth_ns, "eye")
            out.write("/cam/depth/image", image, stamp_ns + round(1.5 * STEP_NS))


@pytest.mark.parametrize("late_ns", [0, 5_000_000, -5_000_000])
def test_a_bags_images_meet_the_depth_of_their_moment(tmp_path: Path, late_ns: int) -> None:
    write_bag(tmp_path / "bag", late_ns)
    samples = list(bag.samples(tmp_path / "bag"))
    assert [int(sample.frame.rgb[0, 0, 0]) for sample in samples] == [0, 50, 100]
    assert [float(sample.truth_m[3, 4]) for sample in samples] == [1, 2, 3]
    assert samples[0].frame.camera == BAG_CAMERA
    assert len({sample.clip for sample in samples}) == 1


def test_depth_of_another_moment_is_not_the_truth(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", late_ns=40_000_000)
    with pytest.raises(DatasetError, match=r"no image on /cam/image_raw within 20 ms of depth on"):
        list(bag.samples(tmp_path / "bag"))


def with_messages(path: Path, change: Callable[[str, Any, int], Any]) -> Path:
    """A bag like write_bag()'s with other messages on its topics; None: without one."""
    write_bag(path)
    other = path.with_name(f"{path.name}_changed")
    with writer.BagWriter(other) as out:
        for number, record in enumerate(reader.records(path)):
            message = writer.TYPESTORE.deserialize_cdr(record.data, record.kind)
            changed = change(record.topic, message, number)
            if changed is not None:
                out.write(record.topic, changed, record.time_ns)
    return other


def test_a_damaged_message_costs_only_its_pair_and_is_reported(tmp_path: Path) -> None:
    def cut(topic: str, message: Any, number: int) -> Any:
        if topic.endswith("image_raw") and number < 2:
            message.data = message.data[:-5]
        return message

    samples = bag.samples(with_messages(tmp_path / "bag", cut))
    assert [float(sample.truth_m[3, 4]) for sample in samples] == [2, 3]
    (text,) = samples.losses.lines()
    assert text.startswith("warning: 1 messages of /cam/image_raw left out: 20x12 rgb8 image: data")
    assert not samples.losses.damaged


def test_images_of_no_stated_order_are_read_as_the_settings_say(tmp_path: Path) -> None:
    def untyped(topic: str, message: Any, number: int) -> Any:
        if topic.endswith("image_raw"):
            message.encoding = "8UC3"
            message.data = np.tile(np.array([1, 2, 3], np.uint8), 12 * 20)
        return message

    path = with_messages(tmp_path / "bag", untyped)
    found = bag.samples(path, settings=Settings(untyped_order="bgr"))
    assert [sample.frame.rgb[0, 0].tolist() for sample in found] == [[3, 2, 1]] * 3
    refused = bag.samples(path)
    assert list(refused) == []
    assert "untyped_order" in refused.losses.lines()[0]


def test_a_camera_that_is_given_needs_no_camera_info(tmp_path: Path) -> None:
    def without_info(topic: str, message: Any, number: int) -> Any:
        return None if topic.endswith("camera_info") else message

    path = with_messages(tmp_path / "bag", without_info)
    with pytest.raises(DatasetError, match="no /cam/camera_info"):
        bag.samples(path)
    (first, *_) = bag.samples(path, settings=Settings(fov_deg=90.0))
    assert first.frame.camera == Camera.from_fov(20, 12, 90.0)


@pytest.mark.parametrize("how", ["png", "rvl"])
def test_compressed_depth_is_the_truth_too(tmp_path: Path, how: str) -> None:
    def compressed(topic: str, message: Any, number: int) -> Any:
        if not topic.endswith("depth/image"):
            return message
        said = packed(message.data.view(np.uint16).reshape(12, 20), "16UC1", how)
        kind = writer.TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
        return kind(message.header, said.format, np.frombuffer(said.data, np.uint8))

    samples = list(bag.samples(with_messages(tmp_path / "bag", compressed)))
    assert [float(sample.truth_m[3, 4]) for sample in samples] == [1, 2, 3]


def test_a_bag_with_several_cameras_wants_its_topics_named(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", second=True)
    with pytest.raises(SettingError, match=r"/cam/image_raw, /rear/image_raw.*use --topics"):
        bag.samples(tmp_path / "bag")
    topics = ("/rear/image_raw", "/cam/depth/image")
    assert len(list(bag.samples(tmp_path / "bag", topics))) == 3


def test_a_topic_of_another_type_is_refused(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag")
    topics = ("/cam/camera_info", "/cam/depth/image")
    with pytest.raises(BagError, match=r"/cam/camera_info is .*CameraInfo, expected .*Image"):
        bag.samples(tmp_path / "bag", topics)


def test_no_bag_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BagError):
        bag.samples(tmp_path / "bag")


# --- what they share ---


def test_zero_is_no_depth() -> None:
    stored = np.array([[0, 256, 65535]], np.uint16)
    assert metres(stored, 256) == pytest.approx(np.array([[np.nan, 1, 65535 / 256]]), nan_ok=True)


def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(DatasetError, match=r"needs no_such_library: pip install h5py scipy"):
        optional("no_such_library")


def test_samples_can_be_read_again(tmp_path: Path) -> None:
    write_folder(tmp_path)
    samples = folder.samples(tmp_path)
    assert [sample.name for sample in samples] == [sample.name for sample in samples]
