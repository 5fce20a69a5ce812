"""One module for each output mode; each has a function `console`. What the modes share stands beside them."""
