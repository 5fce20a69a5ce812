"""Follow-up jobs: the requests of a job, and the file that keeps them until they are delivered.

`job_trigger` is one job as a value and `field_rules` the rules for its fields; `message` is the unit of delivery,
`outbox` the file that holds messages, `spool` the file that the steps of a run write. `channels` are chosen from the
settings, `sinks` send to them, `delivery` delivers, after a job as `after_run` says; `partial_delivery` splits a
message that is refused. `coordinator` is the client of the REST API, `evaluate` finds the jobs that follow from an
event, `workflow_variables` are those of a workflow, and `next_jobs` is the text for a user who runs its jobs one by
one. The package itself loads nothing: every run names its spool.
"""
