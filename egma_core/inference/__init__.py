"""In: a checkpoint, a film and prompts. Out: a `Prediction` with similarity maps on the film."""
