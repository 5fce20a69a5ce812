"""A step that stays until the attacks are over."""

import os
import time

with open("victim.new", "w") as file:
    file.write(str(os.getpid()))
os.rename("victim.new", "victim")
while not os.path.exists("stop"):
    time.sleep(0.02)
