"""`depth_ros evaluate`, from its arguments to its page."""

import json
from pathlib import Path

import numpy as np
import pytest

from depth_ros import cli
from test.evaluation.datasets.test_datasets import write_bag, write_folder


def test_two_models_on_a_folder_make_a_table_a_page_and_numbers(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path)
    out = tmp_path / "out"
    arguments = ["evaluate", "zoedepth-tiny", str(checkpoint), "--protocol", "rgbd-folder"]
    arguments += ["--data", str(tmp_path), "--out", str(out), "--device", "cpu"]
    assert cli.main([*arguments, "--align", "median", "--flip"]) == 0
    title, heads, *rows, written = capsys.readouterr().out.splitlines()
    assert title == "rgbd-folder: 1 images, alignment median, on cpu"
    assert {"AbsRel", "delta1", "RMSE", "frames/s"} <= set(heads.split())
    assert rows[0].startswith("zoedepth-tiny ")
    assert len(rows) == 2
    assert str(out / "index.html") in written
    assert (out / "index.html").exists()
    numbers = json.loads((out / "scores.json").read_text())
    assert numbers["models"][0]["mean"]["coverage"] == 1


def test_a_bags_topics_and_range_can_be_said(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", second=True)
    arguments = ["evaluate", "--protocol", "bag", "--data", str(tmp_path / "bag")]
    arguments += ["--out", str(tmp_path / "out"), "--far-m", "2.5", "--limit", "3"]
    assert cli.main([*arguments, "--topics", "/rear/image_raw", "/cam/depth/image"]) == 0
    numbers = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert numbers["far_m"] == 2.5
    scored = [image["abs_rel"] for image in numbers["models"][0]["images"]]
    assert scored[2] is None, "three metres away"
    assert np.isfinite(scored[0])


@pytest.mark.parametrize("kind", ["bag", "file of a bag", "rgbd-folder"])
def test_the_protocol_is_that_of_the_data(kind: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    if kind == "rgbd-folder":
        data.mkdir()
        write_folder(data)
    else:
        write_bag(data)
    if kind == "file of a bag":
        (data,) = data.glob("*.mcap")
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--data", str(data), "--limit", "1", "--out", str(out)]) == 0
    numbers = json.loads((out / "scores.json").read_text())
    assert numbers["protocol"] == ("rgbd-folder" if kind == "rgbd-folder" else "bag")
    assert len(numbers["models"][0]["images"]) == 1


def test_images_without_truth_are_a_failure_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bag(tmp_path / "bag", late_ns=40_000_000)
    said = ["evaluate", "--data", str(tmp_path / "bag"), "--out", str(tmp_path / "out")]
    assert cli.main(said) == 1
    *_, message = capsys.readouterr().err.splitlines()
    assert message.startswith("depth_ros: ")
    assert "no image on /cam/image_raw within 20 ms of depth on /cam/depth/image" in message
    assert not (tmp_path / "out").exists()


def test_truth_that_never_counts_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bag(tmp_path / "bag")
    said = ["evaluate", "--data", str(tmp_path / "bag"), "--out", str(tmp_path / "out")]
    assert cli.main([*said, "--far-m", "0.5"]) == 1
    message = "depth_ros: zoedepth-lite: no image has an estimate where truth counts"
    assert message in capsys.readouterr().err.splitlines()


def test_a_camera_that_is_guessed_is_called_so_wherever_its_scores_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bag(tmp_path / "bag")
    said = ["evaluate", "--data", str(tmp_path / "bag"), "--out", str(tmp_path / "out")]
    assert cli.main([*said, "--limit", "1", "--set", "fov_deg=67"]) == 0
    message = "the camera is a guess from fov_deg 67"
    assert f"depth_ros: {message}" in capsys.readouterr().err
    assert message in (tmp_path / "out" / "index.html").read_text()
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["note"].startswith(message)


def test_a_bag_without_metadata_is_scored_and_a_damaged_one_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bag(tmp_path / "bag")
    (tmp_path / "bag" / "metadata.yaml").unlink()
    said = ["evaluate", "--data", str(tmp_path / "bag"), "--out", str(tmp_path / "out")]
    assert cli.main(said) == 0
    assert "warning: bag has no metadata.yaml: read by its files" in capsys.readouterr().err
    write_bag(tmp_path / "other")
    (file,) = (tmp_path / "other").glob("*.mcap")
    (tmp_path / "bag" / "torn.mcap").write_bytes(file.read_bytes()[:300])
    assert cli.main(said) == 3
    assert "depth_ros: damaged: torn.mcap: from byte" in capsys.readouterr().err
    numbers = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert len(numbers["models"][0]["images"]) == 3


def test_settings_of_the_pipeline_can_be_said(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag")
    said = ["evaluate", "--protocol", "bag", "--data", str(tmp_path / "bag")]
    coverage = []
    for extra in ([], ["--set", "max_depth_m=0.5", "--set", "scale.steady_s=0.5"]):
        assert cli.main([*said, "--limit", "2", *extra, "--out", str(tmp_path / "out")]) == 0
        numbers = json.loads((tmp_path / "out" / "scores.json").read_text())
        coverage.append(numbers["models"][0]["mean"]["coverage"])
    assert coverage[1] < coverage[0] == 1


@pytest.mark.slow
def test_the_command_without_arguments_scores_the_embedded_model_on_rendered_drives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "--limit", "4", "--out", str(tmp_path)]) == 0
    numbers = json.loads((tmp_path / "scores.json").read_text())
    assert numbers["protocol"] == "rendered"
    (model,) = numbers["models"]
    assert model["model"] == "zoedepth-lite"
    assert [image["clip"] for image in model["images"]] == ["drive 0"] * 4
    assert model["mean"]["abs_rel"] < 0.2
    assert model["mean"]["delta1"] > 0.75


@pytest.mark.parametrize(
    ("code", "arguments", "complaint"),
    [
        (2, ["zoedepth-tiny", "depth-anything-small"], "depth, which alignment 'none'"),
        (2, ["nonsense"], "model 'nonsense' is unknown"),
        (2, ["--protocol", "nyu"], "protocol 'nyu' needs --data: a folder with nyu_depth_v2"),
        (1, ["--protocol", "ibims", "--data", "."], "lacks imagelist.txt; expected imagelist.txt"),
        (2, ["--protocol", "bag", "--data", "nowhere"], "argument --data: nowhere does not exist"),
        (2, ["--data", "depth_ros"], "depth_ros is neither a bag nor a folder with rgb/ and"),
        (2, ["--protocol", "rendered", "--data", "."], "reads no data, expected no --data"),
        (2, ["--topics", "/a", "/b"], "--topics needs protocol 'bag', the protocol is 'rendered'"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line_and_writes_nothing(
    code: int,
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["evaluate", *arguments, "--out", str(tmp_path)]) == code
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []
