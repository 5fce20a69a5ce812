"""One module for each output mode, each with a function `console`, and the modules that the modes share."""
