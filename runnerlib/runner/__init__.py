"""TODO runnerlib/runner"""
