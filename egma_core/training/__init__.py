"""In: a manifest and a configuration. Out: a run's folder with checkpoints, events and metrics."""
