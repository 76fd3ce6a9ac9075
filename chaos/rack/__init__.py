"""A rack of lamps: the domain of the fault matrix, and the tool that judges what was done once.

A lamp's name says all about it: `lamp-off-17` is dark because it is off, until somebody switches it on; the switch of
`lamp-off-lies-3` says that it was switched, and was not. So there is nothing to set up, and every lamp is as new.
"""
