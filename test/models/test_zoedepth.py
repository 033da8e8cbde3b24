"""ZoeDepth through its own files: saved as transformers saves it, compared with transformers."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers.models.zoedepth import image_processing_pil_zoedepth as reference

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.mirrored import Mirrored
from depth_ros.models.zoedepth import Preprocessing, ZoeDepth
from depth_ros.runtimes.torch_runtime import TorchRuntime
from test.models.checkpoints import zoedepth
from test.models.references import image

SIZES = [(48, 64), (60, 91), (120, 50)]


def processor(pad: bool, keep_aspect_ratio: bool) -> Any:
    return reference.ZoeDepthImageProcessorPil(
        do_pad=pad,
        keep_aspect_ratio=keep_aspect_ratio,
        ensure_multiple_of=32,
        size={"height": 64, "width": 96},
    )


@pytest.fixture(scope="module", params=[(True, True), (True, False), (False, True)], ids=str)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ZoeDepth, Any, Any]:
    """Ours, and transformers' network and processor, from one folder in the real format."""
    folder = tmp_path_factory.mktemp("zoedepth")
    network, theirs = zoedepth(1), processor(*request.param)
    network.save_pretrained(folder)
    theirs.save_pretrained(folder)
    ours = models.load(str(folder))
    assert isinstance(ours, ZoeDepth)
    return ours, network, theirs


@pytest.fixture
def torchvision_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one torchvision call of transformers' postprocessing, in torch alone."""

    def resize(depth: torch.Tensor, size: list[int], interpolation: str, antialias: bool) -> Any:
        assert not antialias
        return functional.interpolate(depth[None], size, mode=interpolation)[0]

    names = SimpleNamespace(resize=resize, InterpolationMode=SimpleNamespace(BICUBIC="bicubic"))
    monkeypatch.setattr(reference, "tvF", names, raising=False)


def assert_same_depth(depth_m: torch.Tensor, expected_m: torch.Tensor) -> None:
    """Equal to 1e-3, of the median where the bicubic filter overshoots to about zero."""
    floor_m = 1e-3 * float(expected_m.median())
    torch.testing.assert_close(depth_m, expected_m, rtol=1e-3, atol=floor_m)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_preprocessing_agrees_with_transformers(
    pair: tuple[ZoeDepth, Any, Any], height: int, width: int
) -> None:
    ours, _, theirs = pair
    rgb = image(height, width)
    expected = theirs(images=rgb, return_tensors="pt", input_data_format="channels_last")
    pixels = ours.preprocess(torch.from_numpy(rgb)[None])
    assert pixels.shape == expected["pixel_values"].shape
    torch.testing.assert_close(pixels, expected["pixel_values"], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.usefixtures("torchvision_stand_in")
def test_depth_agrees_with_transformers_from_image_to_image_size(
    pair: tuple[ZoeDepth, Any, Any], height: int, width: int
) -> None:
    ours, network, theirs = pair
    rgb = image(height, width)
    inputs = theirs(images=rgb, return_tensors="pt", input_data_format="channels_last")
    with torch.inference_mode():
        outputs = network(**inputs)
        expected = theirs.post_process_depth_estimation(outputs, source_sizes=[(height, width)])
        raw = ours.network(ours.preprocess(torch.from_numpy(rgb)[None]))
    depth_m = ours.postprocess(raw, height, width).values[0]
    truth_m = expected[0]["predicted_depth"]
    assert truth_m.std() / truth_m.mean() > 0.01, "a constant map would compare nothing"
    assert_same_depth(depth_m, truth_m)


@pytest.mark.usefixtures("torchvision_stand_in")
def test_the_mirrored_average_agrees_with_transformers(pair: tuple[ZoeDepth, Any, Any]) -> None:
    ours, network, theirs = pair
    rgb = image(60, 91)
    inputs = theirs(images=rgb, return_tensors="pt", input_data_format="channels_last")
    pixels = inputs["pixel_values"]
    with torch.inference_mode():
        outputs, flipped = network(pixels), network(pixels.flip(-1))
        expected = theirs.post_process_depth_estimation(
            outputs, source_sizes=[(60, 91)], outputs_flipped=flipped
        )
        mirrored = Mirrored(TorchRuntime(ours.network, "cpu"))
        raw = mirrored(ours.preprocess(torch.from_numpy(rgb)[None]))
    depth_m = ours.postprocess(raw, 60, 91).values[0]
    assert_same_depth(depth_m, expected[0]["predicted_depth"])


def test_a_checkpoint_with_two_heads_loads_and_its_range_is_the_longer_one(tmp_path: Path) -> None:
    zoedepth(2).save_pretrained(tmp_path)
    processor(True, True).save_pretrained(tmp_path)
    model = models.load(str(tmp_path))
    assert model.entry.max_depth_m == 80
    with torch.inference_mode():
        raw = model.network(model.preprocess(torch.zeros(1, 48, 64, 3, dtype=torch.uint8)))
    assert model.postprocess(raw, 48, 64).values.shape == (1, 48, 64)


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed")
def test_loading_needs_no_torchvision_and_prints_nothing(
    pair: tuple[ZoeDepth, Any, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    models.load(pair[0].entry.source)
    out, err = capfd.readouterr()
    assert out + err == ""


@pytest.mark.parametrize("pad", [True, False])
def test_the_network_sees_the_focal_length_of_the_resized_image(pad: bool) -> None:
    preprocessing = Preprocessing(height=96, width=128, pad=pad, fit="warp")
    model = ZoeDepth.__new__(ZoeDepth)
    model.preprocessing = preprocessing
    camera = Camera(640, 480, 500, 500, 320, 240)
    rows, columns = preprocessing.padding(480, 640)
    # Two pixels of the image, and where the network's resize puts them.
    ramp = torch.arange(640.0 + 2 * columns)[None, None, None].expand(1, 1, 480 + 2 * rows, -1)
    resized = functional.interpolate(ramp, (96, 128), mode="bilinear", align_corners=True)
    pitch_x = float(resized[0, 0, 0, 1] - resized[0, 0, 0, 0])
    ramp = torch.arange(480.0 + 2 * rows)[None, None, :, None].expand(1, 1, -1, 640 + 2 * columns)
    resized = functional.interpolate(ramp, (96, 128), mode="bilinear", align_corners=True)
    pitch_y = float(resized[0, 0, 1, 0] - resized[0, 0, 0, 0])
    expected = 500 / (pitch_x * pitch_y) ** 0.5
    assert model.network_f_px(camera) == pytest.approx(expected, rel=1e-4)


def test_one_head_is_chosen_for_all_images_of_a_call(tmp_path: Path) -> None:
    """Why frames of different cameras must not share a batch."""
    network = zoedepth(2)
    network.save_pretrained(tmp_path)
    processor(True, True).save_pretrained(tmp_path)
    model = models.load(str(tmp_path))
    loaded: Any = model.network.network
    router = loaded.metric_head.mlp_classifier
    votes = torch.tensor([[2.0, 0.0], [0.0, 3.0]])  # an indoor image, and a clearer outdoor one
    pixels = model.preprocess(torch.from_numpy(image(60, 91))[None]).expand(2, -1, -1, -1)

    def depth_m(*voters: int) -> torch.Tensor:
        handle = router.register_forward_hook(lambda *_: votes[list(voters)])
        with torch.inference_mode():
            answer: torch.Tensor = model.network(pixels[: len(voters)])
        handle.remove()
        return answer

    indoors, outdoors, both = depth_m(0)[0], depth_m(1)[0], depth_m(0, 1)
    assert (indoors - outdoors).abs().max() > 0.01
    torch.testing.assert_close(both[0], outdoors, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(both[1], outdoors, rtol=1e-3, atol=1e-4)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    zoedepth(1).save_pretrained(tmp_path)
    processor(True, True).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load(str(tmp_path))
