"""Visualisation of depth: previews and Rerun logs, also from an existing bag."""
