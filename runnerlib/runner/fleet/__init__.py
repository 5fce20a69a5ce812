"""Run the jobs of a workflow on the workers of a fleet: other machines, reached by way of an engine.

`contract` says what an engine can do; `jetstream` is NATS JetStream. `keys` and `seal` keep what travels from the
engine's eyes, `codec` makes it bytes. `backend` is the dispatcher's half, `worker` and `agent` are that of a worker:
the worker takes jobs, and an agent, a process made by the `zygote`, runs one of them as any run of one machine does.
"""
