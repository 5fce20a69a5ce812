"""TODO runnerlib/executor"""
