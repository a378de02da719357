"""The monitor that the tracker is on: which one it is, and whether the window keeps to it while something is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtWidgets import QWidget

_LEFT = "The window has left the monitor that was set up. Bring it back: gaze is only followed there."
_SPREAD = "The film lies across two monitors. Move the window so that all of it is on the one that was set up."
_GONE = "The monitor that was set up is no longer connected. Connect it again, or open the session anew."
_WAYLAND = "Wayland tells no program where its window lies. Use the whole screen (F11), or start the program with QT_QPA_PLATFORM=xcb."


def native_size(screen: QScreen) -> QSize:
    """A monitor's own pixels across and down."""
    ratio, size = screen.devicePixelRatio(), screen.geometry().size()
    return QSize(round(size.width() * ratio), round(size.height() * ratio))


def monitor_name(screen: QScreen) -> str:
    """What tells one monitor from another: its name and its pixels."""
    size = native_size(screen)
    return f"{screen.name()} {size.width()} × {size.height()}"


def astray(film: QRect, tracked: QRect | None, others: Sequence[QRect], platform: str, *, full_screen: bool) -> str:
    """Why gaze cannot be placed on the film as the window lies now, in words; "" where it can.

    Args:
        film: Where the film's view lies, in logical pixels of all monitors.
        tracked: The monitor that was set up, or None if it is gone.
        others: The other monitors.
        platform: Qt's name for the window system.
        full_screen: Whether the window uses the whole screen.
    """
    if tracked is None:
        return _GONE
    if platform.startswith("wayland") and not full_screen:
        return _WAYLAND
    if not tracked.intersects(film):
        return _LEFT
    return _SPREAD if any(other.intersects(film) for other in others) else ""


class MonitorWatch(QObject):
    """Follows where a view lies, and whether anybody can see it.

    Attributes:
        changed: Emitted when `trouble` has changed.
        screen_changed: Emitted with the monitor, a `QScreen`, that the view has come to.
        noted: Emitted with (kind, text) of what is worth noting in a recording: the window left, came back, was
            minimised or restored, went behind another program or came to the front.
        trouble: Why gaze cannot be placed on the film now, in words; "" while it can, or while no monitor is tracked.
    """

    changed = Signal()
    noted = Signal(str, str)
    screen_changed = Signal(object)

    def __init__(self, view: QWidget, parent: QObject | None = None) -> None:
        """Watch a view; no monitor is tracked yet."""
        super().__init__(parent)
        self._view = view
        self._tracked = ""
        self._window: QWidget | None = None
        self._minimised = False
        self._screen: QScreen | None = None
        self.trouble = ""
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._focus_changed)
            application.screenRemoved.connect(self.look)
            application.screenAdded.connect(self.look)

    def track(self, screen: QScreen | None) -> None:
        """From now on the view belongs on this monitor; None: anywhere."""
        self._tracked = monitor_name(screen) if screen is not None else ""
        self.look()

    def follow(self) -> None:
        """Follow the window that the view lies in now."""
        if self._window is not self._view.window():
            if self._window is not None:
                self._window.removeEventFilter(self)
            self._window = self._view.window()
            self._window.installEventFilter(self)
        self.look()

    def look(self) -> None:
        """See how things stand now, and tell what has changed."""
        if self._view.isVisible() and self._view.screen() is not self._screen:
            self._screen = self._view.screen()
            self.screen_changed.emit(self._screen)
        before, self.trouble = self.trouble, self._astray()
        if self.trouble != before:
            self.noted.emit("monitor", self.trouble or "The window is back on its monitor.")
            self.changed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again when the window has moved or changed its state."""
        kind = event.type()
        if kind in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.ScreenChangeInternal, QEvent.Type.WindowStateChange):
            self.look()
        if kind == QEvent.Type.WindowStateChange and isinstance(watched, QWidget) and watched.isMinimized() != self._minimised:
            self._minimised = watched.isMinimized()
            self.noted.emit("window", "The window was minimised." if self._minimised else "The window is open again.")
        return super().eventFilter(watched, event)

    def _astray(self) -> str:
        if not self._tracked or not self._view.isVisible():
            return ""
        screens = QGuiApplication.screens()
        tracked = next((screen for screen in screens if monitor_name(screen) == self._tracked), None)
        film = QRect(self._view.mapToGlobal(self._view.rect().topLeft()), self._view.size())
        others = [screen.geometry() for screen in screens if screen is not tracked]
        here = tracked.geometry() if tracked is not None else None
        return astray(film, here, others, QGuiApplication.platformName(), full_screen=self._view.window().isFullScreen())

    def _focus_changed(self, state: Qt.ApplicationState) -> None:
        active = state == Qt.ApplicationState.ApplicationActive
        self.noted.emit("focus", "The window is in front again." if active else "Another program is in front.")
