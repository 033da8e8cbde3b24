"""The furniture of each kind of room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from depth_ros.training.rooms.cupboards import cabinet, crate, rack, shelf
from depth_ros.training.rooms.fittings import (
    basin,
    bath,
    bed,
    bin_,
    floor_lamp,
    kitchen,
    plant,
    pole,
    radiator,
    toilet,
)
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.piece import Piece
from depth_ros.training.rooms.seats import (
    chair,
    desk,
    dining,
    low_table,
    office_chair,
    sofa,
    stool,
    table,
)

Maker = Callable[[np.random.Generator, Palette], Piece]

AT_WALLS: dict[str, tuple[Maker, ...]] = {
    "living": (shelf, cabinet, sofa, sofa, floor_lamp, plant, radiator, table, cabinet),
    "bedroom": (bed, cabinet, cabinet, shelf, desk, chair, plant, radiator),
    "office": (desk, desk, shelf, cabinet, plant, bin_, rack, pole),
    "kitchen": (kitchen, kitchen, cabinet, shelf, bin_, chair, radiator),
    "bathroom": (toilet, basin, bath, cabinet, bin_, radiator, stool),
    "store": (rack, rack, rack, crate, crate, shelf, cabinet, pole),
    "corridor": (cabinet, plant, chair, crate, radiator, shelf, pole, bin_),
    "hall": (cabinet, rack, sofa, plant, pole, bin_, shelf, crate),
}
"""Furniture at the walls of each kind of room; listed twice means twice as likely."""

IN_THE_MIDDLE: dict[str, tuple[Maker, ...]] = {
    "living": (low_table, low_table, dining, chair, sofa, stool),
    "bedroom": (chair, stool, crate, bed),
    "office": (desk, table, office_chair, chair),
    "kitchen": (dining, dining, table, stool),
    "bathroom": (stool, crate),
    "store": (crate, crate, rack, pole, table),
    "corridor": (crate, pole),
    "hall": (dining, table, sofa, rack, pole, crate, chair),
}
"""Free-standing furniture of each kind of room."""
