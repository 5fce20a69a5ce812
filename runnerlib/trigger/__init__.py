"""Follow-up jobs: what a job asks for, and how the rest of the system is told.

`job_trigger` is one job as a value and `rule` what may be in it; `message` is what is handed over, `outbox`
the file that holds it until somebody has taken it, `spool` what the steps of a run write. `sink` is a
channel (file, API, stdout or a plugin's own), `delivery` uses them at the end of a job. `context` and
`api` are what pipelines call; `variables` are the workflow's. The client is `runnerlib.coordinator`.
"""
