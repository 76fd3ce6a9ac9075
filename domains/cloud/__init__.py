"""The cloud domain: tools, modules and knowledge about an EC2-compatible cloud.

Its tool server (`python -m domains.cloud`) serves aivis.v1.Tools by gRPC and calls the cloud's EC2 API.
Open first: server.py, then tools/.
"""
