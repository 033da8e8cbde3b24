"""How long everything but the network takes, beside the network and beside the obvious way."""
