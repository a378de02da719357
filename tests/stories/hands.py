"""A person's hands on the real window: moves the X server's own pointer and presses its keys, and waits for what they bring about.

Run as a program (`python hands.py STORY ...`) under an X server: it opens the window as the `egma` command does, plays one of
the stories below through it, step by step from the event loop, and closes it. It leaves with 0 only if every wait was rewarded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QModelIndex, QPoint, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from egma_app.app import main
from egma_app.capture.consent import ConsentDialog
from egma_app.main_window import MainWindow

Condition = Callable[[], object]
Steps = Generator[Condition, None, None]
W = TypeVar("W", bound=QWidget)

PATIENCE_S = 60.0
SETTLE_S = 0.15


def xdotool(*arguments: object) -> None:
    subprocess.run(["xdotool", *map(str, arguments)], check=True)


def point(widget: QWidget, where: QPoint | None = None) -> tuple[int, int]:
    place = widget.mapToGlobal(where or widget.rect().center())
    return place.x(), place.y()


def move(widget: QWidget, where: QPoint | None = None) -> None:
    xdotool("mousemove", *point(widget, where))


def click(widget: QWidget, where: QPoint | None = None) -> None:
    move(widget, where)
    xdotool("click", 1)


def press(*keys: str) -> None:
    xdotool("key", *keys)


def write(text: str) -> None:
    xdotool("type", "--delay", 15, text)


def pause(seconds: float) -> Condition:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() > until


def the_window() -> MainWindow:
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))


class Player:
    """Plays a story's steps from the event loop: each step yields what must come true before the next."""

    def __init__(self, story: Steps, pictures: Path) -> None:
        self.story = story
        self.pictures = pictures
        self.condition: Condition = lambda: True
        self.since = time.perf_counter()
        self.outcome = "not finished"
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)
        self.timer.start(30)

    def tick(self) -> None:
        try:
            if self.condition():
                self.condition = next(self.story)
                self.since = time.perf_counter()
            elif time.perf_counter() - self.since > PATIENCE_S:
                raise TimeoutError("waited in vain")
        except StopIteration:
            self.end("")
        except Exception as error:  # noqa: BLE001 - whatever went wrong is shown, and ends the story
            import traceback

            traceback.print_exc()
            the_window().grab().save(str(self.pictures / "failed.png"))
            self.end(repr(error))

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        self.timer.stop()
        QApplication.closeAllWindows()


def radiograph(table: Any) -> QModelIndex:
    """The row of the digital radiograph; a pseudonym, too, may hold the two letters by chance."""
    model = table.model()
    return next(model.index(row, 0) for row in range(model.rowCount()) if "DX" in str(model.index(row, 1).data()))


def read_films(n: int, pictures: Path) -> Steps:
    """Open a session with the mouse as tracker, and read `n` films with hand and keys, beginning with a digital radiograph."""
    yield lambda: the_window().isVisible() and the_window().workspace() is not None
    capture: Any = the_window().workspace()
    yield lambda: capture.worklist.count > 0 and capture.films.is_ready
    form = capture.setup_form
    click(form.reader)
    yield pause(SETTLE_S)
    press("ctrl+a")
    write("Ada")
    yield lambda: form.reader.text() == "Ada"
    click(form.tracker)
    yield pause(SETTLE_S)
    press("Home", *["Down"] * form.tracker.findData("mouse"), "Return")
    yield lambda: form.tracker.currentData() == "mouse"
    for box, size in ((form.width_mm, "520"), (form.height_mm, "325"), (form.distance_mm, "650")):
        click(box)
        press("ctrl+a")
        write(size)
        press("Tab")
        yield lambda box=box, size=size: box.value() == float(size)
    click(form.confirmed, QPoint(10, form.confirmed.height() // 2))
    yield form.open_button.isEnabled
    click(form.open_button)
    yield lambda: capture.findChild(ConsentDialog) is not None
    yield pause(SETTLE_S)
    click(capture.findChild(ConsentDialog).agree)
    yield lambda: capture.session.state == "ready"

    press("ctrl+f")
    yield capture.worklist.search.hasFocus
    write("DX")
    table = capture.worklist.table
    yield lambda: 0 < table.model().rowCount() < capture.worklist.count
    click(table.viewport(), table.visualRect(radiograph(table)).center())
    yield lambda: capture.worklist.study is not None and capture.worklist.study.modality == "DX" and capture.films.is_ready
    yield from read_one(capture, 0, pictures)
    press("ctrl+f")
    yield capture.worklist.search.hasFocus
    press("ctrl+a", "BackSpace")
    yield lambda: capture.worklist.search.text() == ""
    move(capture.view)
    xdotool("click", 1)
    for nth in range(1, n):
        before = capture.films.study
        press("Return")
        yield lambda before=before: capture.films.study is not before and capture.films.is_ready
        yield from read_one(capture, nth, pictures)


def read_one(capture: Any, nth: int, pictures: Path) -> Steps:
    yield lambda: capture.session.state == "ready"
    click(capture.view)
    yield capture.view.hasFocus
    press("Return")
    yield lambda: capture.session.state == "reading" and not capture.view.curtain
    view, line = capture.view, capture.line
    middle, reach = view.rect().center(), min(view.width(), view.height()) // 4
    places = {"upper left": (-1, -1), "lower right": (1, 1), "lower left": (-1, 1)}
    for sentence, (name, (x, y)) in enumerate(list(places.items())[: 2 + nth % 2]):
        for step in range(24):  # hover about one place, as a reader's eyes would
            move(view, middle + QPoint(x * reach + step % 5, y * reach + step % 3))
            yield pause(0.04)
        if sentence == 0:  # window and zoom, by hand
            xdotool("mousedown", 1, "mousemove_relative", "--", 30, -20, "mousemove_relative", "--", 25, 10, "mouseup", 1)
            xdotool("click", 4)
            yield pause(SETTLE_S)
        press("Return")
        yield line.hasFocus
        text = f"Film {nth + 1} shows nothing new in the {name} zone."
        write(text)
        yield lambda text=text: line.text() == text
        if nth == 0 and sentence == 0:
            the_window().grab().save(str(pictures / "reading.png"))
        press("Return", "Escape")
        yield lambda n=sentence + 1: len(capture.session.sentences) == n and view.hasFocus()
    press("ctrl+Return")
    yield lambda: capture.session.state == "ready"


def look_at_model(pictures: Path) -> Steps:
    """In the explorer, choose the radiograph that was read, and wait for what the model says of it and of the reader's words."""
    yield lambda: the_window().isVisible() and getattr(the_window().workspace(), "name", "") == "explore"
    explore: Any = the_window().workspace()
    films = explore.films
    yield lambda: films.table.model().rowCount() > 1
    every = films.table.model().rowCount()
    click(films.filter)
    yield films.filter.hasFocus
    write("DX")
    yield lambda: 0 < films.table.model().rowCount() < every
    click(films.table.viewport(), films.table.visualRect(radiograph(films.table)).center())
    yield lambda: explore.answers.about("prompts") is not None
    yield lambda: explore.answers.about("reader") is not None
    said = explore.answers.about("reader").sentences
    assert any("nothing new" in sentence for sentence in said), said
    yield pause(0.5)
    the_window().grab().save(str(pictures / "explore.png"))


STORIES: dict[str, Callable[..., Steps]] = {
    "read": lambda pictures: read_films(4, pictures),
    "look": look_at_model,
}


def play(name: str, pictures: Path, library: Path, workspace: str, checkpoint: Path | None) -> int:
    application = QApplication(["egma"])
    player = Player(STORIES[name](pictures), pictures)
    status = main(library=library, workspace=workspace, checkpoint=checkpoint)
    if player.outcome:
        sys.stderr.write(f"the story '{name}' ended badly: {player.outcome}\n")
    del application
    return status or (1 if player.outcome else 0)


if __name__ == "__main__":
    assert os.environ.get("DISPLAY"), "needs an X server"
    given = sys.argv[1:]
    sys.exit(play(given[0], Path(given[1]), Path(given[2]), given[3], Path(given[4]) if len(given) > 4 else None))
