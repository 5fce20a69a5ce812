"""From an event to the jobs that follow from it: what `runnerlib eval` and `runnerlib trigger` do.

`event` is what happened, `selection` which workflows are meant for it, `conversion` makes triggers of their
jobs, `evaluation` puts these together.
"""
