"""The trigger: waits for completions in the triggerer, where thousands wait at the price of one."""
