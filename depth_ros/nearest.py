"""What a name that nobody knows was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST, _SIMILAR = 3, 0.5
_FEW = 12  # names that a line has room for


def unknown(kind: str, name: str, known: Iterable[str], listing: str = "") -> str:
    """Return a line that says that a name is unknown, and which known ones it is nearest to.

    Args:
        kind: of thing that the name is of, such as "setting".
        name: that is unknown.
        known: all names.
        listing: where they are listed; empty: nowhere.
    """
    known = list(known)
    near = get_close_matches(name, known, _MOST, _SIMILAR) or _containing(name, known)
    see = f" ({listing} lists all {len(known)})" if listing else ""
    if near:
        return f"{kind} '{name}' is unknown, did you mean {_either(near)}?{see}"
    if len(known) <= _FEW:
        return f"{kind} '{name}' is unknown, expected one of {', '.join(known)}"
    return f"{kind} '{name}' is unknown, expected one of {len(known)} names" + (
        f": {listing} lists them" if listing else f", such as {', '.join(known[:_MOST])}"
    )


def _containing(name: str, known: list[str]) -> list[str]:
    """Return the shortest known names that have all of this one in them."""
    said = name.lower()
    holding = [each for each in known if said and said in each]
    return sorted(holding, key=len)[:_MOST]


def _either(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
