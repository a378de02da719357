"""In: what was said or typed. Out: sentences with onset and offset."""
