"""In: a film of the library and what was found on it. Out: DICOM objects that say so and refer to the film."""
