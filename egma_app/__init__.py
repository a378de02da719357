"""The window: a PySide6 shell with four workspaces, and the `egma` command."""
