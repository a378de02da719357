"""Lets `python -m egma_app.cli` run the `egma` command."""

from egma_app.cli.main import main

main()
