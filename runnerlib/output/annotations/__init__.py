"""Findings as the CI service around the runner shows them, and the defence against steps that speak to it themselves.

`service` makes commands of GitHub and Azure, `buildkite` asks its agent, `code_quality` writes GitLab's report and
`step_summary` GitHub's page of a step. `guard` takes from the output of steps whatever a service would obey.
"""
