"""Findings of steps: reports of tests and checks, which are read when a step has ended.

`junit`, `tap`, `sarif` and `cobertura` make values of a file's content, `step_findings` finds the files and tells.
Others write the content: it is bounded, has no entities, and is masked before it goes on.
"""
