"""Times and outcomes of earlier runs: kept in a file of SQLite, and what follows from them.

`file` reads and writes it, `recorder` is the observer that adds a run, `estimate` says how long steps usually take and
what is left of a job, `flaky` which steps fail for no reason of theirs. Names, outcomes and figures are kept; no
output, no reason and no value of a variable is.
"""
