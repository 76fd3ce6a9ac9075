"""A small domain for the tests of the language: a shop whose parcels get lost."""

from aivis.modules.catalogue import Catalogue, DeclaredTool
from aivis.toolkit.declaration import Risk

SPEED = {"enum": ["slow", "fast"]}
TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}


def closed(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


PARCEL = closed(parcel=TEXT, state={"enum": ["lost", "sent", "held"]}, stops={"$ref": "#/$defs/Stops"}, box={
    "anyOf": [closed(size=NUMBER), {"type": "null"}]}) | {
    "$defs": {"Stops": {"type": "array", "items": closed(town=TEXT, days=NUMBER)}}
}  # fmt: skip

CATALOGUE: Catalogue = {
    tool.name: tool
    for tool in [
        DeclaredTool("shop.track", closed(parcel=TEXT), PARCEL, Risk.READ),
        DeclaredTool("shop.find", closed(buyer=TEXT), closed(parcels={"type": "array", "items": TEXT}), Risk.READ),
        DeclaredTool("shop.send", closed(parcel=TEXT, speed=SPEED), closed(sent=FLAG), Risk.REVERSIBLE, undoable=True),
        DeclaredTool("shop.hold", closed(parcel=TEXT), closed(held=FLAG), Risk.REVERSIBLE),
        DeclaredTool("shop.burn", closed(parcel=TEXT), closed(burnt=FLAG), Risk.DESTRUCTIVE),
    ]
}  # fmt: skip

INPUTS = """
inputs:
  parcel:
    says: The parcel's number.
    ask: Which parcel is it?
    lookup:
      - tool: shop.find
        when: has(ticket.buyer)
        with: {buyer: ticket.buyer}
        settled: "size(result.parcels) == 1"
        value: "result.parcels[0]"
  buyer: {says: Who bought it.}
  speed: {says: How fast it shall go., default: "'slow'"}
"""

LOST = """
fault: parcel_lost
says: "Parcel {ticket.parcel} was lost in {found.town}."
prior: 0.2
serves: [find.parcel]
explains: [nothing_came]
needs: [parcel]
checks:
  - tool: shop.track
    with: {parcel: ticket.parcel}
    cost: 1
    when_present: "result.state == 'lost'"
    sure: 0.98
    finds: {town: "result.stops[0].town"}
remedies:
  - tool: shop.send
    with: {parcel: ticket.parcel, speed: ticket.speed}
    risk: reversible
    succeeds: 0.9
    verify: {tool: shop.track, with: {parcel: ticket.parcel}, expect: "result.state == 'sent'"}
    undo: true
finding: "It was lost in {found.town}; we sent it again."
examples:
  - given: {ticket: {parcel: p1}, results: {shop.track: {state: lost, stops: [{town: Rome, days: 1}]}}}
    then: {probability: ">0.9", next: shop.send, with: {parcel: p1, speed: slow}}
"""

RESEND = """
procedure: resend
says: "Send {ticket.parcel} again."
serves: [send.again]
needs: [parcel]
steps:
  - tool: shop.hold
    with: {parcel: ticket.parcel}
    expect: result.held
    undo: {tool: shop.send, with: {parcel: ticket.parcel, speed: "'slow'"}}
  - tool: shop.send
    with: {parcel: ticket.parcel, speed: ticket.speed}
    expect: result.sent
    undo: true
verify: {tool: shop.track, with: {parcel: ticket.parcel}, expect: "result.state == 'sent'"}
finding: "{ticket.parcel} is on its way."
examples:
  - given: {ticket: {parcel: p1}, results: {shop.hold: {held: true}, shop.send: {sent: true}}}
    then: {steps: [shop.hold, shop.send]}
  - given: {ticket: {parcel: p1}, results: {shop.hold: {held: false}}}
    then: {steps: [shop.hold], fails: shop.hold}
"""

TEXTS = {"m/inputs.yaml": INPUTS, "m/parcel_lost.yaml": LOST, "m/resend.yaml": RESEND}
