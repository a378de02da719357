"""The Capture workspace: a worklist is read while gaze and words are recorded."""
