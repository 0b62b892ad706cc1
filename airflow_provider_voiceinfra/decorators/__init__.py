"""``@task.outbound_call``: places the call whose fields a function returns."""
