"""The errors this package raises: each names the value that was met and what was expected."""


def one_line(error: BaseException) -> str:
    """Return what an error says in one line; some say nothing but their name."""
    return " ".join(str(error).split()) or type(error).__name__


class DepthError(Exception):
    """Base of every error this package raises on purpose."""


class CameraError(DepthError):
    """A camera that cannot be used: no or impossible intrinsics, an unknown lens, a wrong size."""


class FrameError(DepthError):
    """An image array of another type or shape than uint8 (H, W, 3)."""


class MessageError(DepthError):
    """A ROS message whose fields contradict each other or what was expected."""


class ModelError(DepthError):
    """A model that is unknown, cannot be loaded, or cannot run where it was asked to."""


class BagError(DepthError):
    """A bag that cannot be read or written."""


class SettingError(DepthError):
    """A setting outside its type, range or choices."""


class UnknownModelError(ModelError, SettingError):
    """A model's name that nothing is known by."""


class ScaleError(DepthError):
    """Depth that cannot be made metric: too little, degenerate or contradictory evidence."""
