"""In: maps and paths as arrays. Out: RGBA pictures, the same for screen, file and DICOM."""
