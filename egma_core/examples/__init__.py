"""In: a library. Out: a manifest of training examples, and batches of it."""
