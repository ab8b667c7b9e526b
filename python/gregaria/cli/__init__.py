"""From the command line to a finished run: the table of options, what argparse makes of it, and the run itself.

Locustfiles import nothing from here; they see `gregaria.argument_parser`, `gregaria.main` and `gregaria.log`.
"""
