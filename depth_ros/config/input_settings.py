"""Settings of images, cameras and the node."""

from dataclasses import dataclass

from depth_ros.config.spec import setting


@dataclass(frozen=True)
class InputSettings:
    """Settings of images, cameras and the node; see each field's help."""

    image_rectified: bool = setting(
        False, "The image is already rectified: use P of camera_info and ignore distortion."
    )
    rotate: int = setting(
        0,
        "Clockwise rotation that makes the image upright for the network: 180 for a camera that "
        "is mounted upside down. Outputs keep the orientation of the original image.",
        unit="deg",
        low=0,
        high=270,
        choices=(0, 90, 180, 270),
    )
    undistort: str = setting(
        "auto",
        "Show the network the image of a virtual pinhole camera, up to 120 degrees wide, instead "
        "of a distorted one. Depth returns to the pixels of the distorted image, NaN where the "
        "pinhole does not see them. auto: for equidistant (fisheye) lenses, with models other "
        "than GRIN.",
        choices=("auto", "off", "pinhole"),
    )
    untyped_order: str = setting(
        "unknown",
        "Channel order of 8UC3 and 8UC4 images, whose encoding does not define it; unknown: "
        "refuse such images.",
        choices=("unknown", "bgr", "rgb"),
    )
    max_image_pixels: int = setting(
        50_000_000,
        "Refuse compressed images larger than this before decoding them.",
        unit="px",
        low=1,
        high=2**31 - 1,
    )
    image_transport: str = setting(
        "auto",
        "Type of the image topic: raw (Image), compressed (CompressedImage), or auto (the type "
        "that is published).",
        choices=("auto", "raw", "compressed"),
    )
    camera_calibration: str = setting(
        "",
        "Calibration file written by camera_calibration, used instead of camera_info; empty: none.",
    )
    fov_deg: float = setting(
        0.0,
        "Horizontal field of view, used instead of camera_info and without distortion. If it is "
        "wrong, depth is wrong by the same factor as the focal length. 0: unused.",
        unit="deg",
        low=0.0,
        high=179.0,
    )
    camera_info_scale: bool = setting(
        False,
        "Rescale a camera_info or calibration that was made for another image size of the same "
        "aspect ratio.",
    )
    depth_encoding: str = setting(
        "32FC1",
        "Encoding of depth/image. 32FC1: metres, NaN and +inf; 16UC1: millimetres, 0 for no "
        "estimate and for beyond range.",
        choices=("32FC1", "16UC1"),
    )
    autostart: bool = setting(
        True, "Configure and activate at start; false: leave this to a lifecycle manager."
    )
    cameras: tuple[str, ...] = setting(
        ("",),
        "Names of cameras that share one network; each has its topics below its name. Empty: "
        "one camera, on image and camera_info.",
    )
    stale_after_s: float = setting(
        2.0,
        "Diagnostics warn if no image or camera_info arrives for this long.",
        unit="s",
        low=0.1,
        high=3600.0,
    )
