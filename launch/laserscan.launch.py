"""Launch depth and depthimage_to_laserscan: ros2 launch depth_ros laserscan.launch.py image:=TOPIC.

Every argument of depth.launch.py is one here too.
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

SHARE = get_package_share_directory("depth_ros")

# name: (default, description)
ARGUMENTS = {
    "preset": ("nav2", "parameters of the depth node, see depth.launch.py"),
    "laserscan_file": (
        os.path.join(SHARE, "config", "laserscan.yaml"),
        "parameters of depthimage_to_laserscan",
    ),
    "scan": ("depth/scan", "topic of the scans; the depth node itself publishes on scan"),
    "use_sim_time": ("false", "take time from /clock"),
}


def generate_launch_description() -> LaunchDescription:
    """Return the description that ros2 launch runs."""
    depth = PythonLaunchDescriptionSource(os.path.join(SHARE, "launch", "depth.launch.py"))
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(depth),
            Node(
                package="depthimage_to_laserscan",
                executable="depthimage_to_laserscan_node",
                name="depthimage_to_laserscan",
                output="screen",
                parameters=[
                    LaunchConfiguration("laserscan_file"),
                    {"use_sim_time": LaunchConfiguration("use_sim_time")},
                ],
                remappings=[
                    ("depth", "depth/image"),
                    ("depth_camera_info", "depth/camera_info"),
                    ("scan", LaunchConfiguration("scan")),
                ],
            ),
        ]
    )
