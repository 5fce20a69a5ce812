"""The client of the Coordinator's REST API: one request at a time, over https, with a deadline for everything.

`address` says where it is and what may be sent there, `exchange` makes one request, `patience` decides what
is tried again and when, `client` knows the routes and what their answers mean.
"""

from runnerlib.triggers.coordinator.address import Address, CoordinatorError, address
from runnerlib.triggers.coordinator.client import Coordinator, Created
from runnerlib.triggers.coordinator.retry import Patience

__all__ = ["Address", "Coordinator", "CoordinatorError", "Created", "Patience", "address"]
