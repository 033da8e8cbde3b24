"""ROS messages to arrays and back: images, CameraInfo, PointCloud2 and LaserScan (sensor_msgs).

Messages are duck-typed: rclpy's classes and rosbags' dataclasses both work, and no ROS installation
is needed. Where no conversion is needed, arrays are views of the message's data: do not write to
them.
"""

from depth_ros.messages.cameras import (
    CameraInfo,
    CameraInfoFields,
    camera_from_info,
    depth_info,
)
from depth_ros.messages.clouds import (
    CloudField,
    CloudPoints,
    PointCloud2,
    PointField,
    cloud_content,
    cloud_fields,
    point_step,
    points_from_cloud,
)
from depth_ros.messages.compressed import (
    CompressedImage,
    Size,
    check_compressed,
    compressed_size,
    rgb_from_compressed,
)
from depth_ros.messages.compressed_depth import depth_from_compressed
from depth_ros.messages.depths import depth_content, depth_from, depth_from_image, is_depth
from depth_ros.messages.encodings import COLOUR_ENCODINGS, DEPTH_ENCODINGS, WRITTEN_DEPTHS
from depth_ros.messages.headers import Header, Stamp, check_stamp, stamp_ns
from depth_ros.messages.images import Image, check_image, image_content, rgb_from_image
from depth_ros.messages.rgb import rgb_from
from depth_ros.messages.scans import scan_content
from depth_ros.messages.transforms import matrix_from_transform
from depth_ros.messages.video import (
    NoImage,
    RgbImage,
    VideoDecoder,
    codec_of,
    header_of,
    missing_pyav,
)

__all__ = [
    "COLOUR_ENCODINGS",
    "DEPTH_ENCODINGS",
    "WRITTEN_DEPTHS",
    "CameraInfo",
    "CameraInfoFields",
    "CloudField",
    "CloudPoints",
    "CompressedImage",
    "Header",
    "Image",
    "NoImage",
    "PointCloud2",
    "PointField",
    "RgbImage",
    "Size",
    "Stamp",
    "VideoDecoder",
    "camera_from_info",
    "check_compressed",
    "check_image",
    "check_stamp",
    "cloud_content",
    "cloud_fields",
    "codec_of",
    "compressed_size",
    "depth_content",
    "depth_from",
    "depth_from_compressed",
    "depth_from_image",
    "depth_info",
    "header_of",
    "image_content",
    "is_depth",
    "matrix_from_transform",
    "missing_pyav",
    "point_step",
    "points_from_cloud",
    "rgb_from",
    "rgb_from_compressed",
    "rgb_from_image",
    "scan_content",
    "stamp_ns",
]
