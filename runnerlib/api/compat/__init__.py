"""Names of older runners (`src.config`, `src.workflow`, …), kept for pipelines and plugins that import them."""
