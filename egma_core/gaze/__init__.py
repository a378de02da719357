"""In: raw gaze samples and the viewport log. Out: gaze on the image, fixations and what they measure."""
