"""The `egma` command: every step of the data flow from a shell, with or without a window."""
