"""In: predictions and what is true. Out: figures with their intervals and baselines."""
