"""The list of a draft's sentences: each with its time, and edited in place."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QObject,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QListView,
    QPlainTextEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from egma_app.capture.sentence_model import Index, SentenceModel

_PADDING = 6
_FRAME = 5  # border and padding of a text box, as the theme has them
_LEAST_LINES = 2
_SMALL = 0.85
_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_WRAP = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft


class SentenceEditor(QPlainTextEdit):
    """The words of one sentence, being edited: Return keeps them, Shift+Return parts them at the cursor, Esc gives up.

    Attributes:
        kept: Emitted when Return is pressed.
        parted: Emitted with the words before and behind the cursor.
    """

    kept = Signal()
    parted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.setAccessibleName("Words of the sentence")
        self.setTabChangesFocus(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)  # it could lie over the film
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalScrollBar().rangeChanged.connect(self._stay)
        self.document().setDocumentMargin(0.0)
        self.document().setModified(False)

    def _stay(self) -> None:
        """A space at the end of a wrapped line counts as width; the words must not be moved aside for it."""
        self.horizontalScrollBar().setRange(0, 0)

    def part(self) -> None:
        """Part the words at the cursor."""
        text, cursor = self.toPlainText(), self.textCursor()
        cursor.movePosition(cursor.MoveOperation.Start, cursor.MoveMode.KeepAnchor)
        first = cursor.selectedText()
        self.parted.emit(first, text[len(first) :])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return ends the editing; a sentence has no lines."""
        if event.key() not in _RETURN:
            super().keyPressEvent(event)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.part()
        else:
            self.kept.emit()


class _SentenceDelegate(QStyledItemDelegate):
    """Paints the time beside the words, and opens the editor over them.

    Attributes:
        rewritten: Emitted with a sentence's key and its new words.
        parted: Emitted with a sentence's key and the words before and behind the cursor.
    """

    rewritten = Signal(int, str)
    parted = Signal(int, str, str)

    def __init__(self, model: SentenceModel, view: QListView) -> None:
        super().__init__(view)
        self._model = model
        self._view = view
        self.editor: SentenceEditor | None = None

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The row's ground, the remarks in quiet small letters, the words."""
        sentence = self._model.sentence(index)
        if sentence is None:
            return
        option = QStyleOptionViewItem(option)
        self.initStyleOption(option, index)
        palette, rect = option.palette, option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        words, option.text = option.text, ""  # pyright: ignore[reportAttributeAccessIssue] - a field of the style option
        style = self._view.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, self._view)
        painter.save()
        painter.setFont(self._small())
        painter.setPen(palette.color(QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.PlaceholderText))
        remarks = QRect(rect.left() + _PADDING, rect.top() + _PADDING, self._indent() - _PADDING, rect.height())
        painter.drawText(remarks, _WRAP, "\n".join(self._model.remarks(sentence)))
        painter.setFont(self._view.font())
        painter.setPen(palette.color(QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text))
        painter.drawText(self._words_rect(rect), _WRAP, str(words))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002 - Qt's own signature
        """As high as the words are in the list's width, and no lower than the remarks."""
        sentence = self._model.sentence(index)
        width = self._view.viewport().width()
        if sentence is None:
            return QSize(width, 0)
        room = self._words_rect(QRect(0, 0, width, 10**6))
        words = QFontMetrics(self._view.font()).boundingRect(room, _WRAP, sentence.text).height()
        remarks = QFontMetrics(self._small()).lineSpacing() * len(self._model.remarks(sentence))
        return QSize(width, max(words, remarks) + 2 * _PADDING)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: ARG002 - Qt's own signature
        """An editor that tells what becomes of the words."""
        editor = self.editor = SentenceEditor(parent)
        editor.document().documentLayout().documentSizeChanged.connect(self._grow)
        sentence = self._model.sentence(index)
        editor.kept.connect(lambda: self._end(editor, keep=True))
        if sentence is not None:
            editor.parted.connect(lambda first, second: self._part(editor, sentence.key, first, second))
        return editor

    def destroyEditor(self, editor: QWidget, index: Index) -> None:
        """Forget it too."""
        if editor is self.editor:
            self.editor = None
        super().destroyEditor(editor, index)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Begin with the words, the cursor behind them; what is typed already is not disturbed."""
        sentence, box = self._model.sentence(index), cast(SentenceEditor, editor)
        if sentence is not None and not box.document().isModified():
            box.setPlainText(sentence.text)
            box.moveCursor(box.textCursor().MoveOperation.End)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:  # noqa: ARG002 - Qt's own signature
        """Tell the new words."""
        sentence, box = self._model.sentence(index), cast(SentenceEditor, editor)
        if sentence is not None and box.document().isModified():
            self.rewritten.emit(sentence.key, box.toPlainText())

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: ARG002 - Qt's own signature
        """Over the words, letter upon letter, with room to write in a short sentence; higher as it grows."""
        rect = self._words_rect(option.rect).adjusted(-_FRAME, -_FRAME, _FRAME, _FRAME)
        line = QFontMetrics(self._view.font()).lineSpacing()
        lines = max(_LEAST_LINES, round(cast(SentenceEditor, editor).document().size().height()))
        rect.setHeight(max(rect.height(), lines * line + 2 * _FRAME + 2))
        if rect.bottom() > self._view.viewport().height() > rect.height():
            rect.moveBottom(self._view.viewport().height())
        editor.setGeometry(rect)

    def eventFilter(self, object: QObject, event: QEvent) -> bool:
        """As usual, but Shift+Return and Return are the editor's own."""
        if event.type() == QEvent.Type.KeyPress and cast(QKeyEvent, event).key() in _RETURN:
            return False
        return super().eventFilter(object, event)

    def end(self) -> None:
        """Keep what the open editor holds, and close it."""
        if self.editor is not None:
            self._end(self.editor, keep=True)

    def _grow(self) -> None:
        if self.editor is not None and self._view.currentIndex().isValid():
            option = QStyleOptionViewItem()
            option.rect = self._view.visualRect(self._view.currentIndex())  # pyright: ignore[reportAttributeAccessIssue] - a field of it
            self.updateEditorGeometry(self.editor, option, self._view.currentIndex())

    def _end(self, editor: SentenceEditor, *, keep: bool) -> None:
        if keep:
            self.commitData.emit(editor)
        self.closeEditor.emit(editor)

    def _part(self, editor: SentenceEditor, key: int, first: str, second: str) -> None:
        if first.strip() and second.strip():
            self._end(editor, keep=False)
            self.parted.emit(key, first, second)

    def _small(self) -> QFont:
        font = QFont(self._view.font())
        font.setPointSizeF(font.pointSizeF() * _SMALL)
        return font

    def _indent(self) -> int:
        """Where the words begin."""
        metrics = QFontMetrics(self._small())
        return max(metrics.horizontalAdvance(word) for word in ("00:00", "dictated")) + 3 * _PADDING

    def _words_rect(self, rect: QRect) -> QRect:
        return rect.adjusted(self._indent(), _PADDING, -_PADDING, -_PADDING)


class SentenceList(QListView):
    """Sentences by their time, edited by double click.

    Attributes:
        rewritten: Emitted with a sentence's key and its new words.
        parted: Emitted with a sentence's key and the words of its two parts.
    """

    rewritten = Signal(int, str)
    parted = Signal(int, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.sentences = SentenceModel(self)
        self._delegate = _SentenceDelegate(self.sentences, self)
        self.setModel(self.sentences)
        self.setItemDelegate(self._delegate)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Sentences of this reading")
        self._hint = ""
        self._delegate.rewritten.connect(self.rewritten)
        self._delegate.parted.connect(self.parted)

    @property
    def editor(self) -> SentenceEditor | None:
        """The open editor."""
        return self._delegate.editor

    @property
    def chosen(self) -> int | None:
        """The key of the chosen sentence."""
        sentence = self.sentences.sentence(self.currentIndex())
        return sentence.key if sentence is not None else None

    def choose(self, key: int) -> None:
        """Choose a sentence, where it is shown."""
        row = self.sentences.row(key)
        if row >= 0:
            self.setCurrentIndex(self.sentences.index(row))
            self.scrollTo(self.currentIndex())

    def edit_chosen(self) -> None:
        """Open the editor over the chosen sentence, or over the last one."""
        if not self.currentIndex().isValid() and self.sentences.rowCount():
            self.setCurrentIndex(self.sentences.index(self.sentences.rowCount() - 1))
        if self.currentIndex().isValid() and self.editor is None:
            self.edit(self.currentIndex())

    def end_editing(self) -> None:
        """Keep what the open editor holds, and close it."""
        self._delegate.end()

    def set_hint(self, hint: str) -> None:
        """What stands in the list while it is empty."""
        self._hint = hint
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The rows, or the hint."""
        super().paintEvent(event)
        if not self.sentences.rowCount() and self._hint:
            painter = QPainter(self.viewport())
            painter.setPen(QApplication.palette(self).color(QPalette.ColorRole.PlaceholderText))
            room = self.viewport().rect().adjusted(12, 12, -12, -12)
            painter.drawText(room, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, self._hint)
            painter.end()
