"""A network of torch into files of ONNX, which say all that is needed to use them."""

from depth_ros.export.draft import Report, export
from depth_ros.export.options import Options

__all__ = ["Options", "Report", "export"]
