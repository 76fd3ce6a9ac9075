"""The table of figures in SQLite and in PostgreSQL, behind one port."""
