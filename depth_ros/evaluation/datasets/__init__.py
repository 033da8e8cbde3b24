"""Images with true depth, one file per layout on disk."""
