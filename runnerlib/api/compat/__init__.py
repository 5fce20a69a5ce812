"""TODO runnerlib/api/compat"""
