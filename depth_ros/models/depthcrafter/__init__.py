"""DepthCrafter (arXiv 2409.02095): inverse depth of a whole recording, by video diffusion.

Its parts are those of Stable Video Diffusion (arXiv 2311.15127), from diffusers and transformers.
This package contains the differences, and the sampling of clips longer than the network's window.
"""
