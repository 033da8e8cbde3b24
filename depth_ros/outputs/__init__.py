"""What the node publishes and a conversion writes for a frame."""
