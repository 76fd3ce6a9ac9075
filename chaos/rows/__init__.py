"""The rows of the matrix, one module a family of faults."""
