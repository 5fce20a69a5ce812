"""Jobs, steps and workflows as values: their files, conditions, checks, schemas and graphs. Pure."""
