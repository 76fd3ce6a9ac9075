"""The two stores behind the port `Index`: embedded (one process, its own file) and Weaviate (many, one server)."""
