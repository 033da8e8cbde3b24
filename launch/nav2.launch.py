"""Launch depth and a local costmap of Nav2: ros2 launch depth_ros nav2.launch.py image:=TOPIC.

Every argument of depth.launch.py is one here too. With bag:=BAG, a recording replaces the
robot. On a robot that runs nav2_bringup, launch depth.launch.py preset:=nav2 instead, and merge
config/nav2/costmap.yaml into its params_file.
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node

from launch import LaunchDescription

SHARE = get_package_share_directory("depth_ros")
COSTMAP = "local_costmap"

# name: (default, description)
ARGUMENTS = {
    "preset": ("nav2", "parameters of the depth node, see depth.launch.py"),
    "costmap_file": (
        os.path.join(SHARE, "config", "nav2", "costmap.yaml"),
        "parameters of the costmap",
    ),
    "use_sim_time": ("false", "take time from /clock; set true with bag"),
    "bag": ("", "recording to play, with its clock; empty: the robot's own topics"),
}


def generate_launch_description() -> LaunchDescription:
    """Return the description that ros2 launch runs."""
    sim_time = {"use_sim_time": LaunchConfiguration("use_sim_time")}
    depth = PythonLaunchDescriptionSource(os.path.join(SHARE, "launch", "depth.launch.py"))
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(depth),
            Node(
                package="nav2_costmap_2d",
                executable="nav2_costmap_2d",
                name=COSTMAP,
                namespace=COSTMAP,
                output="screen",
                parameters=[LaunchConfiguration("costmap_file"), sim_time],
            ),
            Node(
                package="nav2_lifecycle_manager",
                executable="lifecycle_manager",
                name="lifecycle_manager_costmap",
                output="screen",
                parameters=[
                    {"autostart": True, "node_names": [f"{COSTMAP}/{COSTMAP}"]},
                    sim_time,
                ],
            ),
            Node(
                package="depth_ros",
                executable="depth_ros",
                output="screen",
                # Recordings have topics to which nobody here subscribes.
                arguments=[
                    *("play", LaunchConfiguration("bag"), "--clock", "100"),
                    *("--wait-for", LaunchConfiguration("image")),
                ],
                condition=IfCondition(
                    PythonExpression(["bool('", LaunchConfiguration("bag"), "')"])
                ),
            ),
        ]
    )
