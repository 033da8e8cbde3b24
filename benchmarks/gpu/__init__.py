"""Time of a whole frame on a GPU, compared with the network alone."""
