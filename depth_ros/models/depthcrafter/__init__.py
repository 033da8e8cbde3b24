"""DepthCrafter (arXiv 2409.02095): inverse depth of a whole recording, by video diffusion.

Its parts are those of Stable Video Diffusion (arXiv 2311.15127), which diffusers and transformers
carry; here is what differs, and how clips longer than the network's window are sampled.
"""
