"""Reports of a whole run, each written as one file at its end: `junit` for other programs, `page` for people."""
