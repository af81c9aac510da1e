"""Witnesses: programs by others that read the local Iterable too, and must find there what it holds.

What they agree on is not only this project's own understanding of the API. Their known defects are in defects.py.
"""
