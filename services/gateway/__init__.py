"""Where tickets come in and outcomes go out.

Consumes `aivis.intake.SOURCE` of the configured sources, aivis.replies, aivis.case-events; tickets by HTTP as well.
Produces aivis.tickets. Calls the artifact store.
Open first: normalising.py (what upstream says becomes what the reasoner hears), ticket.py (what is known of a case).
"""
