"""`python -m locust` is `gregaria`."""

from gregaria_command import main

main()
