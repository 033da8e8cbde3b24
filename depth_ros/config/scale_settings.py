"""Settings of the metric scale."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class ScaleSettings:
    """Settings of the metric scale; see each field's help."""

    focal_correction: bool = setting(
        True,
        "Multiply metric depth by the ratio of the camera's focal length to that of the "
        "training camera, if the model has one.",
        live=True,
    )
    scale_mode: str = setting(
        "model",
        "Source of the metric scale: the model itself, the ground plane below the camera, or "
        "anchors (points from another sensor).",
        choices=("model", "ground", "anchors"),
    )
    scale_filter: bool = setting(
        True,
        "Filter scale and shift over time; set false for a model that scales each image "
        "independently.",
        live=True,
    )
    scale_max_age_s: float = setting(
        5.0,
        "Maximum scale age: how long the last valid scale is used while no ground or anchors "
        "are visible.",
        unit="s",
        low=0.0,
        high=3600.0,
        live=True,
    )
    scale_steady_s: float = setting(
        0.0,
        "Time constant that removes frame-to-frame scale jitter of a metric model, for example "
        "0.5; 0: off.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    extrinsics: str = setting(
        "tf",
        "Source of the poses of the camera and of the anchors' sensor: TF, or the parameters "
        "camera.height_m, camera.pitch_deg, camera.roll_deg and anchors.pose.",
        choices=("tf", "parameters"),
    )
    ground_frame: str = setting(
        "",
        "With extrinsics tf: frame with z up that lies on the ground, or ground.offset_m above "
        "it; empty: base_footprint, or base_link if there is none.",
    )
    ground_offset_m: float = setting(
        0.0,
        "Height of ground.frame's origin above the ground. For base_link: its height above the "
        "wheels' contact points; for base_footprint: 0.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    camera_height_m: float = setting(
        0.5,
        "With extrinsics parameters: height of the camera above the ground.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    camera_pitch_deg: float = setting(
        0.0,
        "With extrinsics parameters: pitch of the camera, positive downwards.",
        unit="deg",
        low=-90.0,
        high=90.0,
        live=True,
    )
    camera_roll_deg: float = setting(
        0.0,
        "With extrinsics parameters: roll of the camera, positive clockwise; 180 if it is mounted "
        "upside down, together with rotate.",
        unit="deg",
        low=-180.0,
        high=180.0,
        live=True,
    )
    anchors_type: str = setting(
        "points",
        "Message type on anchors: PointCloud2, LaserScan, or a depth image with its camera_info.",
        choices=("points", "scan", "depth"),
    )
    anchors_pose: tuple[float, ...] = setting(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "With extrinsics parameters: pose of the anchors' sensor in the camera's axes x "
        "forward, y left, z up: x y z [m], roll pitch yaw [rad]. For a depth image: the pose of "
        "its camera, which looks along x.",
        low=-1000.0,
        high=1000.0,
        live=True,
    )
    anchors_max_age_s: float = setting(
        0.25,
        "Maximum time between an image and the anchors used for it.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    anchors_field: bool = setting(
        True,
        "Also correct errors that vary over the image and over depth and that one scale and "
        "shift cannot correct. Applied only if held-out anchors confirm the improvement.",
        live=True,
    )
