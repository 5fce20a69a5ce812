"""Follow-up jobs: what a job asks for, and the file that keeps it until somebody has taken it.

`job_trigger` is one job as a value and `rule` what may be in it; `message` is what is handed over, `outbox`
the file that holds it, `spool` what the steps of a run write, `file` how processes share both. `channel`
says who is to be told; who tells is `runnerlib.delivery`. `variables` are those of a workflow, `next_jobs`
what people are told. The package itself loads nothing: every run names its spool.
"""
