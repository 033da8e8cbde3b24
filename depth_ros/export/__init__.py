"""Export of torch networks to ONNX files that contain all data needed to use them."""

from depth_ros.export.draft import ExportReport, export
from depth_ros.export.options import ExportOptions

__all__ = ["ExportOptions", "ExportReport", "export"]
