"""Time of everything but the network, compared with the network and with the obvious way."""
