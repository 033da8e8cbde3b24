"""Depth of pictures, videos and webcams, written to files."""
