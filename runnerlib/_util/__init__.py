"""TODO runnerlib/_util"""
