"""In: values of every room. Out: rows of a library, durable when a write returns."""
