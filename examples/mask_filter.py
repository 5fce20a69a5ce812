"""A filter that hides the values named on its command line by the names of their variables.

DB_PASSWORD=hunter2-hunter2 python examples/mask_filter.py DB_PASSWORD < log
"""

import os
import sys

from runnerlib.masking import SecretMasker

masker = SecretMasker()
for name in sys.argv[1:]:
    if not masker.register_secret(os.environ.get(name, "")):
        sys.exit(f"{name} is not set, or too short to be masked")

stream = masker.stream()
while data := os.read(0, 65536):
    os.write(1, stream.feed(data))
os.write(1, stream.flush())
