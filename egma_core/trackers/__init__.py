"""In: an eye tracker of some make. Out: blocks of `GazeSamples` on the host clock."""
