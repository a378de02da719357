"""Widgets that any workspace may use: forms, plots, tables."""
