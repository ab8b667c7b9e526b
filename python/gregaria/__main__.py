"""`python -m gregaria` does what the `gregaria` command does."""

from gregaria_command import main

main()
