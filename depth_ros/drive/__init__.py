"""The demonstration of a closed loop: drive through rendered rooms by a camera alone."""
