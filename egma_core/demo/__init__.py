"""In: an empty folder. Out: the whole chain, run on made-up films by the code that people use."""
