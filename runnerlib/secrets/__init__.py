"""TODO runnerlib/secrets"""
