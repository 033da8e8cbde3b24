"""Settings of the navigation cloud and of scans."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class NavigationSettings:
    """Settings of the navigation cloud and of scans; see each field's help."""

    nav_range_m: float = setting(
        3.0,
        "Maximum range of points/nav and of a scan with a height band, from the camera; 0: the "
        "range of depth.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_voxel_m: float = setting(
        0.05,
        "Voxel size of points/nav: one mean point for each voxel; 0: all points.",
        unit="m",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_min_height_m: float = setting(
        0.05,
        "Points of points/nav lower than this above the ground, plus a margin for uncertainty, are "
        "floor.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    nav_max_height_m: float = setting(
        1.8,
        "Maximum height of points/nav above the ground: the robot passes below higher objects.",
        unit="m",
        low=0.0,
        high=100.0,
        live=True,
    )
    nav_tilt_deg: float = setting(
        1.0,
        "Standard deviation of the camera's mounting angles: the floor's margin in points/nav "
        "grows with it and with distance.",
        unit="deg",
        low=0.0,
        high=45.0,
        live=True,
    )
    nav_contact: bool = setting(
        True,
        "In points/nav and a scan with a height band, correct the distance of objects by the image "
        "row where they touch the floor, and make them upright, if the ground is known.",
        live=True,
    )
    nav_sigmas: float = setting(
        2.0,
        "Width of the floor's margin, and maximum difference between agreeing depths of several "
        "frames, in standard deviations of depth.",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_floor: str = setting(
        "keep",
        "Floor in points/nav: keep: moved to height 0, so that it clears, and does not mark if "
        "min_obstacle_height is above 0; drop: no floor.",
        choices=("keep", "drop"),
        live=True,
    )
    nav_max_uncertainty_m: float = setting(
        0.0,
        "Maximum standard deviation of an obstacle's distance in points/nav; 0: no limit.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_neighbours: int = setting(
        3,
        "Minimum number of neighbours of an obstacle in points/nav: of the 24 pixels around it, "
        "those within nav.neighbour_radius_m; 0: no minimum.",
        low=0,
        high=24,
        live=True,
    )
    nav_neighbour_radius_m: float = setting(
        0.15,
        "Radius in which nav.neighbours are counted.",
        unit="m",
        low=0.001,
        high=100.0,
        live=True,
    )
    nav_frames: int = setting(
        4,
        "Number of consecutive frames, with the current one, that are compared in nav.odom_frame "
        "for points/nav; 1: no comparison.",
        low=1,
        high=32,
        live=True,
    )
    nav_frames_agree: int = setting(
        2,
        "Number of the nav.frames that must see an obstacle of points/nav; all of them, if fewer "
        "looked there. More frames must see it than see through it. 1: the current frame is "
        "enough.",
        low=1,
        high=32,
        live=True,
    )
    nav_odom_frame: str = setting(
        "odom",
        "World-fixed TF frame for nav.frames; if empty or missing in TF, frames are not compared.",
    )
    scan_height_band_m: tuple[float, ...] = setting(
        (0.0, 0.0),
        "Minimum and maximum height above the ground for scan; if equal: the image row at the "
        "optical axis.",
        unit="m",
        low=-100.0,
        high=100.0,
        live=True,
    )
    scan_frame: str = setting(
        "",
        "Frame of scan if it has no height band or the ground is unknown: a frame at the camera "
        "with x forward; empty: the image's frame without _optical.",
    )
