"""Gregaria's plugin for pytest.

A package of its own, because pytest imports it in every run: it must not import Gregaria, which would patch the
standard library, before a test asks for it.
"""
