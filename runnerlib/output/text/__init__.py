"""TODO runnerlib/output/text"""
