"""What GRIN can do, measured on rendered drives: accuracy, cameras, labels, confidence, video."""
