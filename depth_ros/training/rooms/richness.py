"""What rooms have beyond the plain scenes; each can be left out, to see what it is good for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Richness:
    """What is rich about rooms.

    Attributes:
        cameras: heights, pitches and fields of view of any robot; else those of Robot().
        furniture: pieces with legs, gaps and boards; else boxes and cylinders.
        textures: patterns of physical size with noise; else the plain scenes' patterns.
        lights: several soft and coloured lights, windows and the sun; else one lamp.
        openings: doors, windows and spaces behind doorways.
        clutter: small things, cables, rugs, pictures, skirting boards and beams.
        photo: exposure, white balance, vignetting, blur and noise that vary.
    """

    cameras: bool = True
    furniture: bool = True
    textures: bool = True
    lights: bool = True
    openings: bool = True
    clutter: bool = True
    photo: bool = True


FULL = Richness()
