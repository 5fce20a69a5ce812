"""Run one job, from a request to a verdict; `workflow` runs many of them, `plugin_host` calls the hooks of plugins."""
