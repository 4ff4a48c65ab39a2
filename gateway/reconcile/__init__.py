"""Reconcile: the provider's mappings and settings as the configuration wants them."""

from gateway.reconcile.changing import Failed
from gateway.reconcile.story import Applied, ManyRemovalsError, PlanChangedError, Reconcile, UnreadableError

__all__ = ["Applied", "Failed", "ManyRemovalsError", "PlanChangedError", "Reconcile", "UnreadableError"]
