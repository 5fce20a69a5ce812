"""Telling the rest of the system which jobs follow: the channels in use, and what pipelines call.

`sink` are the channels, `handing` gives them what waits in the triggers file, `ending` does so when a run
has ended. `context` is what a pipeline triggers jobs with, `calls` the same as functions, `state` what it
may ask about other jobs.
"""
