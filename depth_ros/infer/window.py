"""A window that shows pictures while they are processed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.errors import SettingError, one_line

if TYPE_CHECKING:
    import tkinter

_LARGEST_PX = 1280, 720
_TICK_MS = 100


class Window:
    """Shows image and depth side by side, until it is closed.

    It uses Tk, because OpenCV's headless build has no windows.

    Raises:
        SettingError: there is no display, or no Tk.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter
        except ImportError as error:
            raise SettingError("no window: Tk is not installed (apt install python3-tk)") from error
        try:
            root = tkinter.Tk()
        except tkinter.TclError as error:
            raise SettingError(f"no window: {one_line(error)}") from error
        root.title(title)
        root.bind("<Escape>", lambda _: self.close())
        root.protocol("WM_DELETE_WINDOW", self.close)
        self._root: tkinter.Tk | None = root
        self._label = tkinter.Label(root)
        self._label.pack()
        self._image = tkinter.PhotoImage

    def show(self, rgb: ImageArray, colour: ImageArray) -> None:
        """Show an image and its depth in colour, both uint8 (H, W, 3); ignored once it is closed.

        Args:
            rgb, colour: of equal size.
        """
        if self._root is None:
            return
        picture = self._image(data=portable(np.hstack([rgb, colour])), format="PPM")
        self._label.configure(image=picture)
        self._shown = picture  # Tk keeps no reference
        self._root.update()

    def wait(self) -> None:
        """Wait until the user closes it, by its button or Escape."""
        if self._root is not None:
            self._tick()
            self._root.mainloop()

    def close(self) -> None:
        """Close it."""
        if self._root is not None:
            self._root.destroy()
            self._root = None

    def _tick(self) -> None:
        """Run Python regularly, so that Ctrl-C works although Tk waits for its own events."""
        if self._root is not None:
            self._root.after(_TICK_MS, self._tick)


def portable(rgb: ImageArray) -> bytes:
    """Return a picture (H, W, 3), shrunk to fit a screen, as a PPM file."""
    height, width = rgb.shape[:2]
    share = min(1.0, _LARGEST_PX[0] / width, _LARGEST_PX[1] / height)
    size = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if share < 1 else rgb
    return b"P6 %d %d 255\n" % size + small.tobytes()
