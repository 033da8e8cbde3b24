"""TIPSv2's depth against transformers' own code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from depth_ros import models
from test.models.references import image

pytestmark = pytest.mark.skipif(
    not hasattr(transformers, "Tipsv2DptConfig"), reason="transformers is older than 5.23"
)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (61, 91), (448, 448)])
def test_pixels_are_pillows_square_in_shares_of_full_scale(height: int, width: int) -> None:
    rules = models.MODELS["tipsv2-base-nyu"].preprocessing
    assert rules is not None
    rgb = image(height, width)
    square = Image.fromarray(rgb).resize((448, 448), Image.Resampling.BILINEAR)
    pixels = rules(torch.from_numpy(rgb)[None])[0].permute(1, 2, 0).numpy()
    expected = np.asarray(square) / 255
    assert np.abs(pixels - expected).max() <= 12.5 / 255, "see pillow_resize"
    assert np.abs(pixels - expected).mean() < 0.5 / 255


def test_values_agree_with_transformers(built: Callable[[str], Path]) -> None:
    folder = built("tipsv2")
    model = models.load("tipsv2-base-nyu", str(folder))
    network = transformers.Tipsv2DptForDepthEstimation.from_pretrained(folder, dtype=torch.float32)
    pixels = model.preprocess(torch.from_numpy(image(61, 91))[None])
    with torch.inference_mode():
        outputs = network(pixels)
        found = model.postprocess(model.network(pixels), 61, 91).values[0]
    expected = torch.nn.functional.interpolate(
        outputs.predicted_depth[:, None], (61, 91), mode="bilinear"
    )[0, 0]
    torch.testing.assert_close(found, expected)
    assert model.max_depth_m == 10
    # NYU's camera as the network sees it, squeezed to a square.
    side = model.preprocessing.width
    f_px = (518.8579 * side / 640 * 519.4696 * side / 480) ** 0.5
    assert model.training_f_px == pytest.approx(f_px, rel=1e-4)
