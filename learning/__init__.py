"""What Aivis learns from its past, and how it is measured."""
