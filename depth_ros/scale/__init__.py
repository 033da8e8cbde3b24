"""How relative or drifting depth becomes metres."""
