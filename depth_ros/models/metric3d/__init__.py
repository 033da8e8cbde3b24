"""Metric3D v2 (arXiv 2404.15506), from its published ONNX files."""
