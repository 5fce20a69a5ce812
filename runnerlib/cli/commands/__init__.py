"""TODO runnerlib/cli/commands"""
