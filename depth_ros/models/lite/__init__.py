"""zoedepth-lite: a small network that knows real rooms, for machines without a GPU."""
