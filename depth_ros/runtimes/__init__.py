"""What executes a network: tensors in, tensors out, nothing about depth."""
