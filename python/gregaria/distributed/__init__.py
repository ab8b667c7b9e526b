"""Tests over many processes: the master's and the worker's runner. `gregaria.runners` has them under Locust's names.

What the nodes say to each other is decided in Rust (crates/cluster); here is what Python has to do about it.
"""

from gregaria import runners as runners  # first, so that whoever imports a module of this package finds it complete
