"""In: pixels and token ids. Out: embeddings of patches and sentences, and the three EGMA losses."""
