"""GRIN (arXiv 2409.09896): metric depth by diffusion, pixel by pixel.

The paper has no public code or weights. This follows what it says; where it is silent, docstrings
say "our choice", and after whom.
"""
