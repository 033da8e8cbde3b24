"""Settings of depth, points and colours."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class OutputSettings:
    """Settings of depth, points and colours; see each field's help."""

    min_depth_m: float = setting(
        0.0,
        "Depth below this becomes NaN (no estimate).",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    max_depth_m: float = setting(
        0.0,
        "Depth of this or more becomes +inf (beyond range); 0: use the model's own range.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    edges_filter: str = setting(
        "auto",
        "Flying pixels between foreground and background. off: kept; points: removed from points; "
        "image: removed from points and the depth image; fill: removed from points, and in the "
        "depth image replaced by the depth of neighbours of the same brightness; auto: fill if "
        "the image is at least twice as large as the network's map, otherwise points.",
        choices=("auto", "off", "points", "image", "fill"),
        live=True,
    )
    edges_step: float = setting(
        0.025,
        "Relative step of inverse depth that counts as an edge, compared with the value "
        "extrapolated from the neighbours.",
        low=0.001,
        high=1.0,
        live=True,
    )
    edges_radius_px: int = setting(
        0,
        "Distance of the neighbours that edges.filter extrapolates from; 0: from the ratio of the "
        "image's to the network's size.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    min_confidence: float = setting(
        0.0,
        "Drop points below this confidence; needs grin.samples of two or more.",
        low=0.0,
        high=1.0,
        live=True,
    )
    publish_points: bool = setting(True, "Publish points if there are subscribers.", live=True)
    points_colour: bool = setting(True, "Add the image's colour to points (field rgb).", live=True)
    points_organised: bool = setting(
        False,
        "Publish one point per pixel, NaN where there is no depth, instead of finite points only.",
        live=True,
    )
    beyond_range: str = setting(
        "drop",
        "Pixels beyond range in points. drop: no point; max: a point at the maximum range, so "
        "that a costmap clears up to there. With max, keep the costmap's obstacle_max_range "
        "below it.",
        choices=("drop", "max"),
        live=True,
    )
    stride: int = setting(
        1, "Use every n-th pixel and row for points.", unit="px", low=1, high=64, live=True
    )
    colour_map: str = setting(
        "turbo",
        "Colour map of depth/color, over inverse depth.",
        choices=("turbo", "magma", "inferno", "viridis"),
        live=True,
    )
    colour_range: str = setting(
        "fixed",
        "Range of depth/color. fixed: colour.near_m to colour.far_m; percentiles: those of each "
        "image.",
        choices=("fixed", "percentiles"),
        live=True,
    )
    colour_near_m: float = setting(
        0.5,
        "Depth of the brightest colour in depth/color.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    colour_far_m: float = setting(
        10.0,
        "Depth of the darkest colour in depth/color.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
