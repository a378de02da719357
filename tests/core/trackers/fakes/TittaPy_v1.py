"""The fake of SDK 1.11."""

from titta_fake import *  # noqa: F403 - the same API under another name
