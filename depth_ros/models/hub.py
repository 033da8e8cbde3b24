"""Access to the Hugging Face hub: online if it can be reached, otherwise only its cache."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from depth_ros.errors import ModelError
from depth_ros.input_files import is_special

_PATIENCE_S = 3.0
_SUFFIXES = (".json", ".safetensors", ".bin")


class UnreachableError(ModelError):
    """The hub cannot be asked for what its cache lacks."""


@contextmanager
def available(
    source: str, revision: str = "main", files: Sequence[str] = ("config.json",)
) -> Iterator[None]:
    """Read a checkpoint inside this context from a folder, the hub or, offline, the hub's cache.

    Without this context, the hub's libraries retry for a long time, file by file, when offline.

    Args:
        source: folder or hub id.
        revision: of the hub.
        files: the checkpoint has at least one of these.

    Raises:
        UnreachableError: the hub cannot be reached, and its cache lacks the checkpoint.
        ModelError: a file of the folder is a pipe or a device.
    """
    if Path(source).is_dir():
        _check_files(Path(source))
        yield
        return
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    offline = before or not _answers(constants.ENDPOINT)
    if offline and not any(_is_cached(source, revision, name) for name in files):
        why = "is switched off (HF_HUB_OFFLINE)" if before else "cannot be reached"
        raise UnreachableError(
            f"the hub {why}, and its cache on this machine lacks {source}; expected a network, or "
            "a folder with the weights: weights:=FOLDER of the node, --weights FOLDER of a command"
        )
    constants.HF_HUB_OFFLINE = offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _check_files(folder: Path) -> None:
    """Refuse files that are not regular: the libraries that read them would wait for ever."""
    for path in (*folder.glob("*.*"), *folder.glob("*/*.*")):
        if path.suffix in _SUFFIXES and is_special(path):
            raise ModelError(f"{path} is not a regular file, expected one")


def _answers(address: str) -> bool:
    """Return whether a server responds, through the proxy if the environment names one."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S):
            return True
    except urllib.error.HTTPError:  # it responds, but refuses this request
        return True
    except urllib.error.URLError as error:
        # The hub's libraries may accept a certificate that Python does not.
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False


def file(source: str, name: str, revision: str = "main") -> Path | None:
    """Return a checkpoint's file, of a folder, the hub's cache or the hub; None: it has none."""
    from huggingface_hub import constants, try_to_load_from_cache
    from transformers.utils import cached_file

    if constants.HF_HUB_OFFLINE and not Path(source).is_dir():  # not to be asked for what it lacks
        found = try_to_load_from_cache(source, name, revision=revision)
        return Path(found) if isinstance(found, str) else None
    path = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    return None if path is None else Path(path)


def required(source: str, name: str, revision: str) -> Path:
    """Return a checkpoint's file, as file().

    Raises:
        ModelError: the checkpoint has no such file.
    """
    found = file(source, name, revision)
    if found is None:
        raise ModelError(f"it has no {name}")
    return found


def _is_cached(source: str, revision: str, name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, name, revision=revision)
    except HFValidationError as error:
        raise ModelError(f"'{source}' is neither a folder nor a hub id: {error}") from error
    return isinstance(found, str)
