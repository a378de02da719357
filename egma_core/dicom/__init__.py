"""In: a path to a film. Out: a `DicomImage` ready to display, or a de-identified copy of it."""
