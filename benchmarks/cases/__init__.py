"""One case of the cheapest kind, through gateway, reasoner, planner and executor, with a tool server in their process.

`desk/` is the domain: one subtask, one module, one check. `stack` runs the services; `measuring` is the upstream.
"""
