"""Exit codes: 0 done; 1 failed; 2 an argument is wrong; 3 done, but some input was damaged."""

DONE = 0
FAILED = 1
"""The work failed, or its result is not good enough."""
WRONG = 2
"""An argument is wrong: nothing was done."""
DAMAGED = 3
"""Done as far as possible: some of the input was damaged."""
INTERRUPTED = 130
"""By Ctrl-C, as in shells: 128 plus the signal's number."""
