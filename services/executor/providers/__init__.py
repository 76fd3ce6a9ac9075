"""Where tools are carried out, each behind the port `ToolProvider`.

Here: gRPC tool servers (grpc.py), and the retriever's knowledge as a tool (knowledge.py).
"""
