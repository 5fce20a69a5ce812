"""TODO runnerlib/pipeline"""
