"""Everything but the screens: reading films, recording gaze and words, aligning them, training and asking EGMA. No Qt."""
