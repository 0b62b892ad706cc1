"""``@task.outbound_call``: a function that says whom to call."""
