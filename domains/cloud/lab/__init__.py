"""The practice world of the cloud domain: customers' clouds that break on purpose, and a judge of how they end.

It speaks to an EC2-compatible endpoint through the EC2 API only, and shares no names, tables or code with the
domain's tools and modules: what it calls solved is its own finding.
Open first: staging.py (puts tickets on stage), then world.py (builds), faults.py (breaks), judge.py (judges).
"""
