"""In: fixations and sentences. Out: one gaze map a sentence, and its pooling to the model's patches."""
