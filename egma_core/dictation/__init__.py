"""In: a reading's audio, as it is stored. Out: what was said, word by word, and sentences."""
