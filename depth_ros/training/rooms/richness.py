"""Additions of the rooms to the plain scenes; each can be left out, to measure its effect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Richness:
    """Which additions are included.

    Attributes:
        cameras: heights, pitches and fields of view of any robot; otherwise those of Robot().
        furniture: pieces with legs, gaps and boards; otherwise boxes and cylinders.
        textures: patterns of physical size with noise; otherwise the plain scenes' patterns.
        lights: several soft and coloured lights, windows and the sun; otherwise one lamp.
        openings: doors, windows and spaces behind doorways.
        clutter: small objects, cables, rugs, pictures, skirting boards and beams.
        photo: varying exposure, white balance, vignetting, blur and noise.
    """

    cameras: bool = True
    furniture: bool = True
    textures: bool = True
    lights: bool = True
    openings: bool = True
    clutter: bool = True
    photo: bool = True


FULL = Richness()
