"""The triggers: wait for completions, or until a call is allowed, thousands at the price of one."""
