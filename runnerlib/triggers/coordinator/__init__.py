"""The client of the Coordinator's REST API: one request at a time, over https, with a deadline for everything.

`address` is the URL and the rules for the token, `http` makes one request (through `HTTPS_PROXY`, if that is set),
`retry` limits the time of all attempts, `client` knows the routes and the meaning of their answers.
"""

from runnerlib.triggers.coordinator.address import CoordinatorError, address
from runnerlib.triggers.coordinator.client import Coordinator, Created
from runnerlib.triggers.coordinator.retry import RetryLimits

__all__ = ["Coordinator", "CoordinatorError", "Created", "RetryLimits", "address"]
