"""GRIN (arXiv 2409.09896): metric depth by diffusion, pixel by pixel.

The paper has no public code or weights. This implementation follows the paper; where the paper does
not specify something, docstrings say "our choice", with the source.
"""
