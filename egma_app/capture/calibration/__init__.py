"""Setting a reader up on the tracked monitor: commands to the capture process go out, its answers and a person's keys come in."""
