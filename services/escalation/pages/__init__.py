"""The pages' templates and their style, and how they are filled in."""
