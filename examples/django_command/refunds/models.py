"""The table of the refunds that the shop intends."""

from django.db import models


class IntendedRefund(models.Model):
    """One refund. `state` is for people: the ledger, not this table, keeps a refund from being made twice."""

    reference = models.CharField(max_length=64, unique=True)
    provider = models.CharField(max_length=64)
    payment_id = models.CharField(max_length=128)
    amount = models.DecimalField(max_digits=12, decimal_places=3)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20, default="open")  # open, succeeded, pending, failed, refused, unknown
    outcome = models.JSONField(null=True)  # what to_dict() gave
