"""Files that are kept from run to run: caches of jobs and steps, and steps that are up to date."""
