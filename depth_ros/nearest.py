"""Error messages for unknown names, with the most similar known ones."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MAX_SUGGESTIONS, _MIN_SIMILARITY = 3, 0.5
_MAX_LISTED = 12  # names that fit into one line


def unknown(kind: str, name: str, known: Iterable[str], listing: str = "") -> str:
    """Return the message that a name is unknown, with the most similar known names.

    Args:
        kind: of the name, such as "setting".
        name: the unknown name.
        known: all known names.
        listing: the command that lists them; empty: none.
    """
    known = list(known)
    near = get_close_matches(name, known, _MAX_SUGGESTIONS, _MIN_SIMILARITY)
    near = near or _containing(name, known)
    see = f" ({listing} lists all {len(known)})" if listing else ""
    if near:
        return f"{kind} '{name}' is unknown, did you mean {_either(near)}?{see}"
    if len(known) <= _MAX_LISTED:
        return f"{kind} '{name}' is unknown, expected one of {', '.join(known)}"
    return f"{kind} '{name}' is unknown, expected one of {len(known)} names" + (
        f": {listing} lists them" if listing else f", such as {', '.join(known[:_MAX_SUGGESTIONS])}"
    )


def _containing(name: str, known: list[str]) -> list[str]:
    """Return the shortest known names that contain this one."""
    text = name.lower()
    matches = [each for each in known if text and text in each]
    return sorted(matches, key=len)[:_MAX_SUGGESTIONS]


def _either(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
