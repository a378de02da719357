"""Everything a person can do, in one table: menus, tool bars, the sheet of keys and the README are made from it."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from egma_core.assets import resource


@dataclass(frozen=True)
class ActionEntry:
    """One thing a person can do.

    Attributes:
        id: `<scope>.<verb>`, unique.
        title: What menus and buttons say.
        shortcut: Key sequence in Qt's portable text, or "".
        workspace: Where it lives: a workspace's name, `viewer` for any film, or "" for the whole window.
        help: One line: what it does.
        icon: File name, without ending, among `resources/icons`, or "".
        checkable: Whether it is a switch.
    """

    id: str
    title: str
    shortcut: str
    workspace: str
    help: str
    icon: str = ""
    checkable: bool = False


A = ActionEntry
Slot = Callable[[], object] | Callable[[bool], object]

ACTIONS: tuple[ActionEntry, ...] = (
    # the window
    A("library.new", "New library…", "Ctrl+N", "", "Make an empty library in a file of your choice."),
    A("library.open", "Open library…", "Ctrl+O", "", "Open the library of a file.", "library"),
    A("library.import_dicom", "Import DICOM folder…", "Ctrl+Shift+D", "", "Copy a folder's films into the library, identity removed."),
    A("library.import_images", "Import pictures…", "Ctrl+Shift+P", "", "Copy PNG or JPEG films into the library, with a table of labels."),
    A("window.quit", "Quit", "Ctrl+Q", "", "Close the window; asks first while a reading is being recorded."),
    A("go.capture", "Capture", "Ctrl+1", "", "Read films while gaze and words are recorded.", "capture"),
    A("go.review", "Review", "Ctrl+2", "", "Look at recorded readings: scan path, heat map, sentences.", "review"),
    A("go.train", "Train", "Ctrl+3", "", "Train a model on the readings.", "train"),
    A("go.explore", "Explore", "Ctrl+4", "", "See what a trained model says about a film, and where it looks.", "explore"),
    A("window.full_screen", "Full screen", "F11", "", "Use the whole screen, and come back.", checkable=True),
    A("help.keys", "Keys", "F1", "", "Show what every key does.", "keys"),
    A("help.log", "Show the log", "", "", "Open the folder of the program's log, which holds no patient data."),
    A("help.changelog", "What is new", "", "", "Show the changes of each version."),
    A("help.about", "About EGMA", "", "", "Show version, licence and purpose."),
    # any film
    A("view.fit", "Fit", "F", "viewer", "Show the whole film.", "fit"),
    A("view.actual", "1:1", "1", "viewer", "Show one film pixel as one pixel of the screen.", "actual"),
    A("view.zoom_in", "Zoom in", "+", "viewer", "Enlarge about the middle."),
    A("view.zoom_out", "Zoom out", "-", "viewer", "Shrink about the middle."),
    A("view.invert", "Invert", "I", "viewer", "Swap black and white.", "invert"),
    A("view.window", "File's window", "0", "viewer", "Go back to the file's own window, or to an automatic one.", "window"),
    A("view.reset", "Reset", "Space", "viewer", "Undo every change of view: window, polarity, zoom, turns and flips.", "reset"),
    A("view.rotate", "Turn right", "R", "viewer", "Turn the film by 90° clockwise.", "rotate"),
    A("view.rotate_back", "Turn left", "Shift+R", "viewer", "Turn the film by 90° anticlockwise."),
    A("view.flip_across", "Flip left and right", "H", "viewer", "Mirror the film left to right.", "flip"),
    A("view.flip_down", "Flip top and bottom", "V", "viewer", "Mirror the film top to bottom."),
    A("view.pan_left", "Look left", "Left", "viewer", "Move the view to the left."),
    A("view.pan_right", "Look right", "Right", "viewer", "Move the view to the right."),
    A("view.pan_up", "Look up", "Up", "viewer", "Move the view up."),
    A("view.pan_down", "Look down", "Down", "viewer", "Move the view down."),
    A("view.next_frame", "Next frame", "PgDown", "viewer", "Show the next frame of a film with several."),
    A("view.previous_frame", "Previous frame", "PgUp", "viewer", "Show the frame before."),
    # capture
    A("capture.session", "Session…", "Ctrl+E", "capture", "Say who reads, on which screen, with which tracker."),
    A("capture.end_session", "End session", "", "capture", "Let tracker and microphone go; another reader can begin."),
    A("capture.calibrate", "Calibrate…", "Ctrl+K", "capture", "Set the eye tracker up for this reader: position, calibration, validation."),
    A("capture.drift", "Check for drift…", "Ctrl+J", "capture", "Look at one target to see whether gaze is still where the eyes are."),
    A("capture.start", "Start reading", "Ctrl+R", "capture", "Begin to record a reading of the chosen study.", "start"),
    A("capture.write", "Write a sentence", "Return", "capture", "Go from the film to the line for sentences, where Return keeps one."),
    A("capture.film", "Back to the film", "Esc", "capture", "Go from the line for sentences back to the film."),
    A("capture.talk", "Dictate", "Ctrl+Space", "capture", "Dictate while the keys are held, or from one press to the next."),
    A("capture.preview", "Preview", "Ctrl+L", "capture", "Show the sentence said last beside the film, or put it away."),
    A("capture.sign_off", "Sign off", "Ctrl+Return", "capture", "End the reading and keep it as complete.", "sign_off"),
    A("capture.next", "Next study", "Ctrl+PgDown", "capture", "Open the next study that has not been read.", "next"),
    A("capture.discard", "Discard…", "Ctrl+D", "capture", "End the reading and mark it as discarded, with a reason.", "discard"),
    A("capture.edit", "Edit", "F2", "capture", "Edit the chosen sentence in place: Return keeps it, Esc gives up."),
    A("capture.split", "Split", "Shift+Return", "capture", "Part the sentence being edited at the cursor."),
    A("capture.join", "Join", "Ctrl+M", "capture", "Join the chosen sentence and the next one."),
    A("capture.remove", "Delete", "Del", "capture", "Strike the chosen sentence out of the report; what was said stays recorded."),
    A("capture.undo", "Undo", "Ctrl+Z", "capture", "Take the last change of the sentences back."),
    A("capture.recovered", "Interrupted readings…", "", "capture", "See what was saved of interrupted readings; keep or discard it."),
    A("capture.search", "Search", "Ctrl+F", "capture", "Find studies by pseudonym, modality, view or label."),
    A("capture.next_film", "Next film", "Alt+Right", "capture", "Show the study's next film."),
    A("capture.previous_film", "Previous film", "Alt+Left", "capture", "Show the film before."),
    *(A(f"capture.film_{n}", f"Film {n}", f"Alt+{n}", "capture", f"Show the study's film number {n}.") for n in range(1, 5)),
    # review
    A("review.find", "Find a reading", "Ctrl+F", "review", "Filter the list by pseudonym, reader, date, gaze or state."),
    A("review.next", "Next sentence", "N", "review", "Show the gaze map of the next sentence."),
    A("review.previous", "Sentence before", "B", "review", "Show the gaze map of the sentence before."),
    A("review.heat", "Gaze map on or off", "G", "review", "Show or hide the gaze map."),
    A("review.path", "Scan path on or off", "S", "review", "Show or hide the scan path."),
    A("review.save", "Save picture…", "Ctrl+S", "review", "Write the film with the layers shown as a PNG file."),
    # train
    A("train.start", "Start training", "Ctrl+R", "train", "Begin a run with these examples and settings."),
    A("train.stop", "Stop and save", "Ctrl+T", "train", "End the run after its state is saved."),
    A("train.explore", "Explore this checkpoint", "Ctrl+E", "train", "Open the run's best checkpoint in the explorer."),
    # explore
    A("explore.checkpoint", "Choose a checkpoint…", "Ctrl+E", "explore", "Choose the folder of a run or of one checkpoint."),
    A("explore.film", "Open a film…", "Ctrl+L", "explore", "Show a DICOM file; it is not stored anywhere."),
    A("explore.find", "Find a film", "Ctrl+F", "explore", "Filter the library's films by pseudonym, view or label."),
    A("explore.add_class", "Add a class", "Ctrl+Shift+Return", "explore", "Add a class with one sentence to the prompts."),
    A("explore.add_sentence", "Add a sentence", "Ctrl+Return", "explore", "Add a sentence to the chosen class."),
    A("explore.remove", "Remove from the prompts", "Del", "explore", "Remove the chosen class or sentence from the prompts."),
    A("explore.load_prompts", "Load prompts…", "", "explore", "Read the prompts from a TOML file."),
    A("explore.save_prompts", "Save prompts…", "Ctrl+S", "explore", "Write the prompts to a TOML file."),
)
"""The table. A workspace adds its rows under its own heading; a test refuses shortcuts that meet."""


MOUSE = (
    "Mouse: drag left for the window (Shift fine, Ctrl coarse), middle to move, right to zoom; the wheel zooms about the "
    "pointer, Ctrl and the wheel go through frames."
)


def entry(id: str) -> ActionEntry:
    """The row of an action.

    Raises:
        KeyError: There is no such action: a defect of the caller.
    """
    return {a.id: a for a in ACTIONS}[id]


def collisions(table: tuple[ActionEntry, ...] = ACTIONS) -> list[tuple[str, str]]:
    """Pairs of actions whose shortcuts would meet: the same keys within one workspace, or against the window's or the film's."""
    found: list[tuple[str, str]] = []
    for i, one in enumerate(table):
        for other in table[i + 1 :]:
            same_keys = one.shortcut and QKeySequence(one.shortcut) == QKeySequence(other.shortcut)
            meet = one.workspace == other.workspace or {one.workspace, other.workspace} & {"", "viewer"}
            if same_keys and meet:
                found.append((one.id, other.id))
    return found


def icon(name: str) -> QIcon:
    """One of the program's own icons; an empty icon for ""."""
    return QIcon(str(resource("icons", f"{name}.svg"))) if name else QIcon()


def bind(widget: QWidget, slots: Mapping[str, Slot]) -> dict[str, QAction]:
    """Make the actions of `slots` (by id) and add them to `widget`, in the table's order.

    An action of the whole window works wherever the focus is; any other works while the focus is inside `widget`.
    A checkable action's slot is called with its new state, any other's without arguments.

    Returns:
        The actions by id, for buttons and for switching them on and off.
    """
    unknown = set(slots) - {a.id for a in ACTIONS}
    if unknown:
        raise KeyError(f"no such action: {sorted(unknown)}")
    made: dict[str, QAction] = {}
    for row in (a for a in ACTIONS if a.id in slots):
        action = QAction(icon(row.icon), row.title, widget)
        action.setObjectName(row.id)
        action.setToolTip(tip(row))
        action.setStatusTip(row.help)
        action.setCheckable(row.checkable)
        if row.shortcut:
            action.setShortcut(QKeySequence(row.shortcut))
        within = Qt.ShortcutContext.WindowShortcut if row.workspace == "" else Qt.ShortcutContext.WidgetWithChildrenShortcut
        action.setShortcutContext(within)
        _connect(action, slots[row.id], checkable=row.checkable)
        widget.addAction(action)
        made[row.id] = action
    return made


def key_text(row: ActionEntry) -> str:
    """The shortcut as this platform writes it."""
    return QKeySequence(row.shortcut).toString(QKeySequence.SequenceFormat.NativeText)


def tip(row: ActionEntry) -> str:
    """What an action does, with its keys."""
    return f"{row.help} ({key_text(row)})" if row.shortcut else row.help


class KeySheet(QDialog):
    """What every key does, from the table and from what a study protocol has set otherwise."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Write the sheet, with the keys that the actions of `parent` have now."""
        super().__init__(parent)
        bound = parent.findChildren(QAction) if parent is not None else []
        now = {action.objectName(): action.shortcut().toString(QKeySequence.SequenceFormat.PortableText) for action in bound}
        table = tuple(dataclasses.replace(row, shortcut=now.get(row.id, row.shortcut)) for row in ACTIONS)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys")
        self.resize(780, 760)
        text = QTextBrowser()
        text.setHtml("".join(_section(table, scope, heading) for scope, heading in _SCOPES))
        QVBoxLayout(self).addWidget(text)


_SCOPES = (("", "Window"), ("viewer", "Film"), ("capture", "Capture"), ("review", "Review"), ("train", "Train"), ("explore", "Explore"))


def _section(table: tuple[ActionEntry, ...], scope: str, heading: str) -> str:
    rows = [row for row in table if row.workspace == scope and row.shortcut]
    cells = "".join(
        f"<tr><td width='120'><b>{html.escape(key_text(row))}</b></td><td width='170'>{html.escape(row.title)}</td>"
        f"<td>{html.escape(row.help)}</td></tr>"
        for row in rows
    )
    mouse = f"<p>{html.escape(MOUSE)}</p>" if scope == "viewer" else ""
    return f"<h3>{heading}</h3>{mouse}<table cellpadding='3'>{cells}</table>" if rows else ""


def _connect(action: QAction, slot: Callable[..., object], *, checkable: bool) -> None:
    if checkable:
        action.toggled.connect(slot)
    else:
        action.triggered.connect(lambda _checked=False: slot())
