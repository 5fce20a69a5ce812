"""TODO runnerlib/runner/plugin_host"""
