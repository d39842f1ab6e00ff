"""`python -m offswitch` is the command line."""

from offswitch.cli import main

main()
