"""The gateway's metrics."""

from prometheus_client import Counter, Gauge

ACCEPTED = Counter("aivis_gateway_accepted", "Submissions by HTTP, by what the inbox made of them", ["receipt"])
ASKED_AGAIN = Counter("aivis_gateway_asked_again", "Events published again because nothing was heard of them")
STREAMS = Gauge("aivis_gateway_streams", "Event streams and long polls that are open")
ATTACHMENT_BYTES = Counter("aivis_gateway_attachment_bytes", "Bytes of attachments taken in")
