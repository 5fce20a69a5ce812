"""The report of a run as one page of HTML that needs no network.

`recording` keeps what happened, `log_chunks` what steps wrote, compressed, `last_run` tells what is different from the
run before, and `document` makes the page of it. All texts travel as compressed data: no name and no output of a step is
ever markup or script. `page.js` shows them, `page.css` is its look.
"""
