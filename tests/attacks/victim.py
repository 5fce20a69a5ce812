"""A step that stays until the attacks are over, and says when it is asked whether a signal has come."""

import os
import signal
import time

came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))


def put(name, text):
    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)


try:
    with open(os.environ["RUNNERLIB_TRIGGERS"], "a") as spool:
        spool.write('{"env":1}\n')
except OSError:
    pass  # steps of its level trigger nothing
put("handed on", os.environ["RUNNERLIB_OUTPUT"] + "\n" + os.environ["RUNNERLIB_TRIGGERS"])
put("victim", str(os.getpid()))
while not os.path.exists("stop"):
    if os.path.exists("ask") and not os.path.exists("answer"):
        put("answer", "signalled" if came else "nothing")
    time.sleep(0.02)
