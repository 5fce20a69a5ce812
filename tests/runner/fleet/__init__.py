"""Tests of fleets, with a real NATS server."""
