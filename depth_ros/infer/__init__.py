"""Depth of pictures, videos and webcams, as files."""
