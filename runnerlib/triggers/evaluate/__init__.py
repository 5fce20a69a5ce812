"""Evaluation of an event: the jobs that follow from it, for `runnerlib eval` and `runnerlib trigger`.

`event` is the event as a value, `filters` select the workflows and jobs that are meant for it, `to_triggers` makes
triggers of jobs, `worker_shell` makes commands that a worker starts well, `evaluate` puts these together.
"""
