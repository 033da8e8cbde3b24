"""Depth Anything 3's networks for single images (arXiv 2511.10647): metric and relative depth."""
