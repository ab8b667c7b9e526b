"""Gregaria under Locust's name: `locust` and every `locust.*` are the modules of `gregaria`, not copies of them."""

import sys

import gregaria
from gregaria.locustfile_alias import install

install()
# The import system hands out what stands here when this file has been run.
sys.modules[__name__] = gregaria
