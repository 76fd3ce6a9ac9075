"""Tickets as customers write them: `demo.yaml` for the demo, `evaluation.yaml` for one fault at a time.

`domains.cloud.lab.tickets` reads them and says what each field means.
"""
