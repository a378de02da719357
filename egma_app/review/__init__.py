"""The Review workspace: what a reader looked at, sentence by sentence."""
