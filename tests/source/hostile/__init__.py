"""A corpus of hostile archives, made by code: each is what somebody could serve, and why it must be refused."""
