"""Metric3D v2 (arXiv 2404.15506), in its published files of ONNX."""
