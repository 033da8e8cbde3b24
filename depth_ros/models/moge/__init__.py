"""MoGe-2 (arXiv 2507.02546): points in metres, with the camera's own focal length."""
