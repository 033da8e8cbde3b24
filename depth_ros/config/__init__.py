"""Settings of the pipeline and the node: their declarations, values and generated texts."""

from depth_ros.config.parameter_file import shared_names
from depth_ros.config.settings import FIELDS, SPECS, Settings, split, unknown_field, unknown_setting
from depth_ros.config.settings_text import to_markdown, to_yaml
from depth_ros.config.spec import Spec, Value

__all__ = [
    "FIELDS",
    "SPECS",
    "Settings",
    "Spec",
    "Value",
    "shared_names",
    "split",
    "to_markdown",
    "to_yaml",
    "unknown_field",
    "unknown_setting",
]
