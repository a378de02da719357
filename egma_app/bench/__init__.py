"""Benchmarks that ship with the program: each returns plain figures of one run on this machine, ratios first."""
