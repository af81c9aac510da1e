"""`python -m source_iterable`: the same as the command source-iterable."""

from source_iterable.run import run

run()
