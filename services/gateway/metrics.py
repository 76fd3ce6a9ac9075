"""The gateway's metrics."""

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("aivis_gateway_accepted", "Submissions by HTTP, by what the inbox made of them", ["receipt"])
ACCEPT_SECONDS = Histogram(
    "aivis_gateway_accept_seconds",
    "From a submission's admission to its being durable",
    ["source"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SHED = Counter("aivis_gateway_shed_total", "Requests turned away with 429, by what was full", ["source", "reason"])
UNHEARD = Gauge("aivis_gateway_unheard", "Cases of which nothing has been heard since their last ticket event")
ASKED_AGAIN = Counter("aivis_gateway_asked_again", "Events published again because nothing was heard of them")
STREAMS = Gauge("aivis_gateway_streams", "Event streams and long polls that are open")
ATTACHMENT_BYTES = Counter("aivis_gateway_attachment_bytes", "Bytes of attachments taken in")
