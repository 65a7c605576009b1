"""The Python client of a service: submit, watch, ask, control. Needs nothing but the standard library."""

from orchestrator.client.answers import Unreachable
from orchestrator.client.patience import Patience
from orchestrator.client.service import Client, ListedSweep, Refused, local_client, service_client

__all__ = ["Client", "ListedSweep", "Patience", "Refused", "Unreachable", "local_client", "service_client"]
