"""The guard's state: rules, pauses, do-not-call numbers and rate budgets."""
