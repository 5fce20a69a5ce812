"""Figures and traces of runs for other systems, made of events; loaded only by runs that are asked for them.

`figures` counts, `families` says what is counted, `run_figures` counts a run, `push` sends figures to a gateway.
"""
