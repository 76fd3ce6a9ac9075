"""The language of atomic modules: what a platform team writes, in YAML with CEL conditions.

`schema` is the form of a module, `loader` reads a folder of them, `linter` finds what is wrong with it, `expressions`
evaluates CEL, `evidence` says what a tool's result means to a module, `belief` is the arithmetic of probabilities,
`describing` puts a module into words. docs/writing-a-module.md is the language on one page.
Open first: schema.py.
"""
