"""The Explore workspace: prompts, scores and similarity maps beside the reader's gaze."""
