"""Notifications: how a run ended, told to people and programs elsewhere.

`message` has the forms (pure), `sending` delivers them, `observer` watches the run. Targets are read by
`runnerlib.config.notify`.
"""
