"""Text as terminals and logs show it: lines, columns, escape sequences, wording. Pure."""
