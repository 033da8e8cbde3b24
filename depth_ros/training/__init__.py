"""Train depth networks on rendered scenes and on recorded RGB-D."""
