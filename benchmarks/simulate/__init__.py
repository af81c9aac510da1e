"""Whole syncs in virtual time: the connector's own code, and below it an Iterable whose clock jumps to what happens next."""
