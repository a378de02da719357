"""The Train workspace: a form, a run, a live curve."""
