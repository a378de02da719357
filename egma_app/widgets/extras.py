"""Parts of the program that are installed only on wish: whether they are here, and what a workspace says where they are not."""

from __future__ import annotations

import importlib.util

from PySide6.QtWidgets import QWidget

from egma_app.widgets.empty import EmptyState


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported to find out."""
    return importlib.util.find_spec(package) is not None


class MissingExtra(EmptyState):
    """Says which extra a workspace needs, and how to install it."""

    def __init__(self, purpose: str, package: str, extra: str, parent: QWidget | None = None) -> None:
        """Say that `purpose` (a plural, such as `Predictions`) needs a package that an extra brings."""
        how = f"Install it with:  pip install 'egma[{extra}]'   and start the program again. Everything else works without it."
        super().__init__(f"{purpose} need {package}, which is not installed here", how, parent=parent)
