"""zoedepth-lite: a small network for indoor scenes, for computers without a GPU."""
