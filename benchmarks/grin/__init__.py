"""Measurements of GRIN on rendered drives: accuracy, cameras, labels, confidence, video."""
