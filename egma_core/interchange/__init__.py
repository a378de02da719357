"""In: films, labels and readings in somebody's format. Out: rows of a library; and back."""
