"""`python -m aqa`."""

from aqa.cli import main

main(prog_name="aqa")
