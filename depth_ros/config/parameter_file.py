"""Parameter files of ROS: which nodes their parameters are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def shared_names(files: Iterable[Mapping[str, Any]], node: str) -> set[str]:
    """Return the parameters in parameter files that may be meant for other nodes.

    They are those that no key gives that ends with the node's name: /** gives its parameters to
    every node, and a node ignores those that it does not declare.

    Args:
        files: their contents, NODE: ros__parameters: NAME: VALUE.
        node: its name without namespace.
    """
    own: set[str] = set()
    others: set[str] = set()
    for key, parameters in ((key, value) for file in files for key, value in file.items()):
        is_own = str(key).rpartition("/")[2] == node
        (own if is_own else others).update(parameters.get("ros__parameters", ()))
    return others - own
