"""Stand-in for SAP Cloud Integration; see README.md."""

from endpoint.server import StandIn

__all__ = ["StandIn"]
