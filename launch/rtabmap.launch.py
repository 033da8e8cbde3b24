"""Launch depth and RTAB-Map for SLAM: ros2 launch depth_ros rtabmap.launch.py image:=TOPIC.

Every argument of depth.launch.py is one here too.
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from depth_ros.topic_names import base, sibling
from launch import LaunchDescription, LaunchDescriptionEntity

SHARE = get_package_share_directory("depth_ros")

# name: (default, description)
ARGUMENTS = {
    "image": ("image", "image topic, raw or compressed; RTAB-Map subscribes to it too"),
    "camera_info": ("", "camera_info topic; empty: the one beside the image topic"),
    "preset": ("slam", "parameters of the depth node, see depth.launch.py"),
    "rtabmap_file": (os.path.join(SHARE, "config", "rtabmap.yaml"), "parameters of RTAB-Map"),
    "odometry": ("true", "visual odometry; false: wheels publish odom -> base_link in TF"),
    "viewer": ("false", "open rtabmap_viz"),
    "database": ("~/.ros/rtabmap.db", "file of the map"),
    "use_sim_time": ("false", "take time from /clock"),
}


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return RTAB-Map's nodes, now that the arguments have values."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    image, info = value["image"], value["camera_info"] or sibling(value["image"])
    shared = [value["rtabmap_file"], {"use_sim_time": value["use_sim_time"].lower() == "true"}]
    compressed = {"rgb_image_transport": "compressed"} if base(image) != image else {}
    # From TF, at the stamp of the image: a topic of wheels has stamps of its own.
    wheels = {"odom_frame_id": "odom"} if value["odometry"].lower() not in ("true", "1") else {}
    images = [("rgb/image", base(image)), ("rgb/camera_info", info), ("depth/image", "depth/image")]
    return [
        Node(
            package="rtabmap_sync",
            executable="rgbd_sync",
            name="rgbd_sync",
            output="screen",
            parameters=[*shared, compressed],
            remappings=images,
        ),
        Node(
            package="rtabmap_odom",
            executable="rgbd_odometry",
            name="rgbd_odometry",
            output="screen",
            parameters=shared,
            condition=IfCondition(value["odometry"]),
        ),
        Node(
            package="rtabmap_slam",
            executable="rtabmap",
            name="rtabmap",
            output="screen",
            parameters=[*shared, wheels, {"database_path": os.path.expanduser(value["database"])}],
        ),
        Node(
            package="rtabmap_viz",
            executable="rtabmap_viz",
            name="rtabmap_viz",
            output="screen",
            parameters=[*shared, wheels, {"subscribe_rgbd": True, "approx_sync": False}],
            condition=IfCondition(value["viewer"]),
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Return the description that ros2 launch runs."""
    depth = PythonLaunchDescriptionSource(os.path.join(SHARE, "launch", "depth.launch.py"))
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription(
        [*declared, IncludeLaunchDescription(depth), OpaqueFunction(function=nodes)]
    )
