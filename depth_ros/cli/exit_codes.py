"""Exit codes: 0 done; 1 failed; 2 an argument is wrong; 3 done, but some input was damaged."""

DONE = 0
FAILED = 1
"""It could not be done, or what was done is not good enough."""
WRONG = 2
"""An argument is wrong: nothing was done."""
DAMAGED = 3
"""It was done as far as the input could be read: some of it was damaged."""
INTERRUPTED = 130
"""By Ctrl-C, as shells count it: 128 and the number of the signal."""
