"""The registry of known checkpoints: what they are, their source and licence.

`preprocessing` is the content of the published preprocessor_config.json or, if that could not be
read, what transformers' conversion scripts write into it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from depth_ros.geometry.camera import Camera
from depth_ros.models import preprocessing
from depth_ros.models.base import Environment, Family, ModelEntry, Output
from depth_ros.models.depth_anything import DepthAnything
from depth_ros.models.depth_anything_3 import entries as da3
from depth_ros.models.depth_anything_3.model import DepthAnything3
from depth_ros.models.depth_pro import DepthPro
from depth_ros.models.depthcrafter.model import DepthCrafter
from depth_ros.models.dpt import Dpt
from depth_ros.models.glpn import Glpn
from depth_ros.models.grin.config import MODEL_TYPE as GRIN
from depth_ros.models.grin.config import TINY, preprocessing_of
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.lite import config as lite
from depth_ros.models.lite.model import LiteModel
from depth_ros.models.metric3d import entries as metric3d
from depth_ros.models.metric3d.model import Metric3d
from depth_ros.models.moge import entries as moge
from depth_ros.models.moge.checkpoint import MODEL_TYPE as MOGE
from depth_ros.models.moge.model import MogeModel
from depth_ros.models.moge.published import PublishedMoge
from depth_ros.models.preprocessing import Preprocessing, Resize
from depth_ros.models.prompt_depth_anything import PromptDepthAnything
from depth_ros.models.speed import CPU_MOST_M, Device, order
from depth_ros.models.tipsv2 import Tipsv2
from depth_ros.models.training_cameras import (
    HYPERSIM,
    KITTI,
    KITTI_CROP,
    NYU,
    VIRTUAL_KITTI,
)
from depth_ros.models.zoedepth import ZoeDepth

FAMILIES: dict[str, type[Family]] = {
    "zoedepth": ZoeDepth,
    lite.MODEL_TYPE: LiteModel,
    "dpt": Dpt,
    "depth_anything": DepthAnything,
    "prompt_depth_anything": PromptDepthAnything,
    "depth_pro": DepthPro,
    GRIN: GrinModel,
    "glpn": Glpn,
    "tipsv2_dpt": Tipsv2,
    da3.FAMILY: DepthAnything3,
    metric3d.FAMILY: Metric3d,
    MOGE: MogeModel,
    moge.PUBLISHED: PublishedMoge,
}
"""The class that loads a checkpoint, by the model_type of its config.json."""

CLIP_FAMILIES: dict[str, type[DepthCrafter]] = {"depthcrafter": DepthCrafter}
"""The class that loads a checkpoint for whole recordings."""

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the embedded weights."""

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NC = "CC-BY-NC-4.0"
_BASE_MODELS = "Apache-2.0 (the base model's; its own card declares none)"
_DEPTH_ANYTHING = replace(
    preprocessing.DEPTH_ANYTHING,
    height=518,
    width=518,
    multiple=14,
    mean=_IMAGENET_MEAN,
    std=_IMAGENET_STD,
)

# Upstream trains and evaluates without the margin that it recommends for other images, and resizes
# images of KITTI to another shape.
_ZOEDEPTH_NYU = Preprocessing(pad=False)
_ZOEDEPTH_KITTI = Preprocessing(width=768, fit="warp", pad=False)
_MIDAS_3 = "everywhere; MiDaS 3.0"
_DINOV2: dict[str, tuple[float, Camera, Environment, str]] = {
    "nyu": (10, NYU, "indoor", "indoors"),
    "kitti": (80, KITTI, "outdoor", "roads"),
}


_ZOEDEPTH_PLACES: dict[str, Environment] = {"kitti": "outdoor", "nyu-kitti": "any"}


def _zoedepth(
    name: str,
    parameters_m: float,
    max_depth_m: float,
    camera: Camera | None,
    note: str,
    trained_with: Preprocessing | None = None,
) -> ModelEntry:
    return ModelEntry(
        name=f"zoedepth-{name}",
        family="zoedepth",
        source=f"Intel/zoedepth-{name}",
        output=Output.METRIC_DEPTH,
        licence="MIT",
        commercial=True,
        parameters_m=parameters_m,
        max_depth_m=max_depth_m,
        preprocessing=Preprocessing(),
        training_camera=camera,
        trained_with=trained_with,
        # ZoeDepth issue 56: the relative depth that conditions a single head overflows.
        half_safe=name == "nyu-kitti",
        place=_ZOEDEPTH_PLACES.get(name, "indoor"),
        note=note,
    )


def _zoedepth_tiny() -> ModelEntry:
    return replace(
        _zoedepth("tiny", 3.3, 20, None, "embedded; synthetic rooms only; for demos and tests"),
        source=str(WEIGHTS / "zoedepth-tiny"),
        licence="Apache-2.0",
        preprocessing=Preprocessing(height=96, width=128, pad=False),
        training_camera=Camera(128, 96, 105.0, 105.0, 63.5, 47.5),
    )


def _zoedepth_lite() -> ModelEntry:
    sizes = lite.LiteConfig()
    width, height, f_px = sizes.width, sizes.height, sizes.training_f_px
    return ModelEntry(
        name="zoedepth-lite",
        family=lite.MODEL_TYPE,
        source=str(WEIGHTS / "zoedepth-lite"),
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=3.4,
        max_depth_m=sizes.max_depth_m,
        preprocessing=lite.preprocessing_of(sizes),
        training_camera=Camera(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2),
        place="indoor",
        note="embedded; real and synthetic rooms; for CPUs",
    )


def _grin_tiny() -> ModelEntry:
    return ModelEntry(
        name="grin-tiny",
        family=GRIN,
        source=str(WEIGHTS / "grin-tiny"),
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=5.3,
        max_depth_m=20,
        preprocessing=preprocessing_of(TINY),
        half_safe=False,
        place="indoor",
        note="embedded; uses the camera's rays, outputs confidence; synthetic rooms only",
    )


def _midas(
    name: str,
    parameters_m: float,
    side: int,
    note: str,
    multiple: int = 1,
    resize: Resize = "pillow_bicubic",
    licence: str = "MIT",
) -> ModelEntry:
    return ModelEntry(
        name=f"dpt-{name}",
        family="dpt",
        source=f"Intel/dpt-{name}",
        output=Output.AFFINE_INVERSE_DEPTH,
        licence=licence,
        commercial=True,
        parameters_m=parameters_m,
        preprocessing=replace(
            preprocessing.DPT, height=side, width=side, multiple=multiple, resize=resize
        ),
        # MiDaS's own documentation: Swin V2 gives infinities in float16.
        half_safe="swinv2" not in name,
        note=note,
    )


def _dinov2(size: str, parameters_m: float, data: str) -> ModelEntry:
    max_depth_m, camera, place, note = _DINOV2[data]
    return ModelEntry(
        name=f"dpt-dinov2-{size}-{data}",
        family="dpt",
        source=f"facebook/dpt-dinov2-{size}-{data}",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=parameters_m,
        max_depth_m=max_depth_m,
        preprocessing=replace(
            preprocessing.DPT,
            multiple=14,
            pad=True,
            resize="none",
            mean=_IMAGENET_MEAN,
            std=_IMAGENET_STD,
        ),
        training_camera=camera,
        place=place,
        note=f"{note}; runs at the image's own size",
    )


def _depth_anything(name: str, source: str, parameters_m: float, licence: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        family="depth_anything",
        source=source,
        output=Output.AFFINE_INVERSE_DEPTH,
        licence=licence,
        commercial=licence != _NC,
        parameters_m=parameters_m,
        preprocessing=_DEPTH_ANYTHING,
        note="everywhere",
    )


def _depth_anything_v1(size: str, parameters_m: float) -> ModelEntry:
    name = f"depth-anything-{size}"
    return _depth_anything(name, f"LiheYoung/{name}-hf", parameters_m, "Apache-2.0")


def _depth_anything_v2(size: str, parameters_m: float, licence: str) -> ModelEntry:
    source = f"depth-anything/Depth-Anything-V2-{size.title()}-hf"
    return _depth_anything(f"depth-anything-v2-{size}", source, parameters_m, licence)


def _depth_anything_v2_metric(
    place: Environment, size: str, parameters_m: float, licence: str
) -> ModelEntry:
    max_depth_m, camera, note = {
        "indoor": (20, HYPERSIM, "indoors; trained on synthetic rooms"),
        "outdoor": (80, VIRTUAL_KITTI, "roads; trained on synthetic roads"),
    }[place]
    source = f"depth-anything/Depth-Anything-V2-Metric-{place.title()}-{size.title()}-hf"
    return replace(
        _depth_anything(f"depth-anything-v2-metric-{place}-{size}", source, parameters_m, licence),
        output=Output.METRIC_DEPTH,
        max_depth_m=max_depth_m,
        training_camera=camera,
        place=place,
        note=note,
    )


def _depth_pro() -> ModelEntry:
    return ModelEntry(
        name="depth-pro",
        family="depth_pro",
        source="apple/DepthPro-hf",
        output=Output.METRIC_DEPTH,
        licence="apple-amlr",
        commercial=False,
        parameters_m=952,
        preprocessing=preprocessing.DEPTH_PRO,
        note="everywhere; estimates the focal length; research only",
    )


def _prompt_depth_anything(size: str, parameters_m: float) -> ModelEntry:
    source = f"depth-anything/prompt-depth-anything-vit{size[0]}-hf"
    return replace(
        _depth_anything(f"prompt-depth-anything-{size}", source, parameters_m, "Apache-2.0"),
        family="prompt_depth_anything",
        output=Output.METRIC_DEPTH,
        preprocessing=replace(_DEPTH_ANYTHING, height=756, width=756, fit="minimal"),
        place="indoor",
        note="indoors; needs coarse depth from another sensor",
    )


def _glpn(data: str) -> ModelEntry:
    max_depth_m, camera, place, note = _DINOV2[data]
    return ModelEntry(
        name=f"glpn-{data}",
        family="glpn",
        source=f"vinvino02/glpn-{data}",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0 by its card; its encoder is SegFormer's, not for commercial use",
        commercial=False,
        parameters_m=61.2,
        max_depth_m=max_depth_m,
        preprocessing=preprocessing.GLPN,
        training_camera=camera,
        trained_with=Preprocessing(multiple=32, pad=False, resize="none"),
        place=place,
        note=f"{note}; runs at about the image's own size",
    )


def _tipsv2(size: str, source: str, parameters_m: float) -> ModelEntry:
    return ModelEntry(
        name=f"tipsv2-{size}-nyu",
        family="tipsv2_dpt",
        source=f"google/tipsv2-{source}-dpt",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=parameters_m,
        max_depth_m=10,
        preprocessing=preprocessing.TIPSV2,
        training_camera=NYU,
        place="indoor",
        note="indoors; needs transformers 5.23",
    )


def _depthcrafter() -> ModelEntry:
    return ModelEntry(
        name="depthcrafter",
        family="depthcrafter",
        source="tencent/DepthCrafter",
        output=Output.AFFINE_INVERSE_DEPTH,
        licence="DepthCrafter (research only)",
        commercial=False,
        # The UNet, and what it shares with Stable Video Diffusion.
        parameters_m=2255,
        # As near as this comes to depthcrafter.images, which has a rule of its own for sizes.
        preprocessing=Preprocessing(multiple=64, pad=False, resize="none"),
        note="everywhere; whole recordings only, one scale each",
    )


_ENTRIES = (
    _zoedepth_lite(),
    _zoedepth_tiny(),
    _grin_tiny(),
    _zoedepth("nyu", 344, 10, NYU, "indoors", _ZOEDEPTH_NYU),
    _zoedepth("kitti", 344, 80, KITTI_CROP, "roads", _ZOEDEPTH_KITTI),
    _zoedepth(
        "nyu-kitti",
        345,
        80,
        None,
        "selects its indoor or road head per image; two training cameras",
    ),
    _midas("beit-large-512", 344, 512, "everywhere; MiDaS 3.1's best", multiple=32),
    _midas("beit-large-384", 343, 384, "everywhere", multiple=32),
    _midas("beit-base-384", 111, 384, "everywhere", multiple=32),
    _midas("swinv2-large-384", 212, 384, "everywhere"),
    _midas("swinv2-base-384", 101, 384, "everywhere"),
    _midas("swinv2-tiny-256", 40.9, 256, "everywhere; small"),
    _midas("large", 343, 384, _MIDAS_3, resize="pillow_bilinear", licence="Apache-2.0"),
    _midas("hybrid-midas", 122, 384, _MIDAS_3, licence="Apache-2.0"),
    _dinov2("small", 37.2, "nyu"),
    _dinov2("small", 37.2, "kitti"),
    _dinov2("base", 112, "nyu"),
    _dinov2("base", 112, "kitti"),
    _dinov2("large", 340, "nyu"),
    _dinov2("large", 340, "kitti"),
    _dinov2("giant", 1199, "nyu"),
    _dinov2("giant", 1199, "kitti"),
    _depth_anything_v1("small", 24.8),
    _depth_anything_v1("base", 97.5),
    _depth_anything_v1("large", 335),
    _depth_anything_v2("small", 24.8, "Apache-2.0"),
    _depth_anything_v2("base", 97.5, _NC),
    _depth_anything_v2("large", 335, _NC),
    _depth_anything_v2_metric("indoor", "small", 24.8, _BASE_MODELS),
    _depth_anything_v2_metric("indoor", "base", 97.5, _NC),
    _depth_anything_v2_metric("indoor", "large", 335, _NC),
    _depth_anything_v2_metric("outdoor", "small", 24.8, _BASE_MODELS),
    _depth_anything_v2_metric("outdoor", "base", 97.5, _NC),
    _depth_anything_v2_metric("outdoor", "large", 335, _NC),
    _depth_pro(),
    _prompt_depth_anything("small", 25.1),
    _prompt_depth_anything("large", 340),
    _glpn("nyu"),
    _glpn("kitti"),
    _tipsv2("base", "b14", 110),
    *da3.ENTRIES,
    *moge.ENTRIES,
    *metric3d.ENTRIES,
    _depthcrafter(),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
"""Every known checkpoint by name."""


def select(
    place: Environment = "any", commercial: bool = False, device: Device | None = None
) -> list[ModelEntry]:
    """Return the known models for a place and, optionally, for commercial use and a device.

    Args:
        place: where the robot is.
        commercial: whether the licence must allow commercial use.
        device: the robot's device: only models that run live, the fastest measured ones first,
            then by size; for cpu only small ones, see speed. None: all, in the table's order.
    """
    chosen = [
        entry
        for entry in MODELS.values()
        if place in ("any", entry.place) or entry.place == "any"
        if entry.commercial or not commercial
    ]
    if device is None:
        return chosen
    most_m = CPU_MOST_M if device == "cpu" else math.inf
    live = [each for each in chosen if each.family in FAMILIES and each.parameters_m <= most_m]
    return sorted(live, key=lambda each: order(each.name, each.parameters_m, device))
