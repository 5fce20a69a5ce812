"""TODO runnerlib/output/modes"""
