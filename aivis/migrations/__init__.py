"""Numbered migrations of a store's tables: run at start under a lock, each in one transaction with its record.

Knows no store: a store names a folder of files (numbered.py) and a database (sqlite.py, postgres.py). What may run
beside what is decided in comparing.py, from the files and the records alone.
"""
