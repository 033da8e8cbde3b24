"""The errors of this package: each names the value that was found and what was expected."""


def one_line(error: BaseException) -> str:
    """Return an error's message in one line, or its type's name if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


class DepthError(Exception):
    """Base class of all errors of this package."""


class CameraError(DepthError):
    """A camera that cannot be used: missing or invalid intrinsics, unknown lens, wrong size."""


class FrameError(DepthError):
    """An image array of another type or shape than uint8 (H, W, 3)."""


class MessageError(DepthError):
    """A ROS message with fields that are unexpected or contradict each other."""


class ModelError(DepthError):
    """A model that is unknown, cannot be loaded, or cannot run on the requested device."""


class BagError(DepthError):
    """A bag that cannot be read or written."""


class SettingError(DepthError):
    """A setting outside its type, range or choices."""


class ModelSettingError(ModelError, SettingError):
    """A model that is unknown, or does not support the settings."""


class BagSettingError(BagError, SettingError):
    """A choice that does not fit the bag: of topics, a part, a folder or outputs."""


class ScaleError(DepthError):
    """Depth that cannot be made metric: too few, degenerate or contradictory measurements."""
