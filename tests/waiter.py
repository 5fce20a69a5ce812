"""A process that waits for ever: `python waiter.py FIFO` says its number, opens FIFO, and waits.

Whoever reads FIFO knows from then on that it runs under this name and has written what it writes.
"""

import os
import signal
import sys

print(os.getpid(), flush=True)
with open(sys.argv[1], "w"):
    pass
while True:
    signal.pause()
