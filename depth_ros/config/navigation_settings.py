"""Settings of the navigation cloud and of scans."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class NavigationSettings:
    """Settings of the navigation cloud and of scans; see each field's help."""

    nav_range_m: float = setting(
        3.0,
        "Of points/nav and a scan by heights: what is farther from the camera is beyond range; 0: "
        "where depth's own range ends.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_voxel_m: float = setting(
        0.05,
        "Of points/nav: side of the voxels that give one point each, their mean; 0: every point.",
        unit="m",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_min_height_m: float = setting(
        0.05,
        "Of points/nav: what is lower over the ground, plus the margin for what is uncertain, is "
        "floor.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    nav_max_height_m: float = setting(
        1.8,
        "Of points/nav: what is higher over the ground is left out, because the robot passes below "
        "it.",
        unit="m",
        low=0.0,
        high=100.0,
        live=True,
    )
    nav_tilt_deg: float = setting(
        1.0,
        "Of points/nav: how far the mount's angles may be wrong, as one standard deviation: the "
        "floor's margin grows by it with distance.",
        unit="deg",
        low=0.0,
        high=45.0,
        live=True,
    )
    nav_contact: bool = setting(
        True,
        "Of points/nav and a scan by heights: correct the distance of what stands on the floor by "
        "where in the image it does, where the ground is known.",
        live=True,
    )
    nav_sigmas: float = setting(
        2.0,
        "How many standard deviations of depth the floor's margin is wide, and depths of several "
        "frames may differ by and still agree.",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_floor: str = setting(
        "keep",
        "Of points/nav: the floor, which is put to the height of 0 that it has, so that it clears "
        "and marks nothing above min_obstacle_height; or none.",
        choices=("keep", "drop"),
        live=True,
    )
    nav_max_uncertainty_m: float = setting(
        0.0,
        "Of points/nav: obstacles whose distance is less certain than this, as one standard "
        "deviation, are left out; 0: none is.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_neighbours: int = setting(
        3,
        "Of points/nav: obstacles with fewer points within nav_neighbour_radius_m, of the 24 "
        "pixels around, are left out; 0: none is.",
        low=0,
        high=24,
        live=True,
    )
    nav_neighbour_radius_m: float = setting(
        0.15, "See nav_neighbours.", unit="m", low=0.001, high=100.0, live=True
    )
    nav_frames: int = setting(
        4,
        "Of points/nav: how many frames in a row, this one among them, are compared in "
        "nav_odom_frame; 1: none is.",
        low=1,
        high=32,
        live=True,
    )
    nav_frames_agree: int = setting(
        2,
        "Of points/nav: in so many of nav_frames an obstacle is to be seen where it is, and in "
        "more than see through it; 1: in this one.",
        low=1,
        high=32,
        live=True,
    )
    nav_odom_frame: str = setting(
        "odom",
        "Frame of TF that stays where it is while the robot moves, for nav_frames; empty, or where "
        "TF does not have it: frames are not compared.",
    )
    scan_height_band_m: tuple[float, ...] = setting(
        (0.0, 0.0),
        "Of scan: lowest and highest height over the ground that it looks at; two equal heights: "
        "the image's row at the optical axis.",
        unit="m",
        low=-100.0,
        high=100.0,
        live=True,
    )
    scan_frame: str = setting(
        "",
        "Of scan without a height band, or without TF: its frame, at the camera with x ahead; "
        "empty: the image's without _optical.",
    )
