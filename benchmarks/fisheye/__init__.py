"""Accuracy of pinhole networks on images of wide lenses, and what undistort changes."""
