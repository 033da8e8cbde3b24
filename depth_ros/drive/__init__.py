"""The closed-loop demonstration: drive through rendered rooms with a camera only."""
