"""The table of topics: the only place where they are named."""

from dataclasses import dataclass
from datetime import timedelta

from aivis.events import actions, cases, escalations, knowledge, plans, replies, tickets
from aivis.events.envelope import Payload

INTAKE_PREFIX = "aivis.intake."
MARKER_PREFIX = "aivis.marker."
DEAD_LETTER = "aivis.dead-letters"
DEAD_LETTER_RETENTION = timedelta(days=30)


@dataclass(frozen=True)
class Topic:
    """One topic. Key: tenant and case id, always. Partition counts are fixed at creation."""

    name: str
    says: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    events: tuple[type[Payload], ...]
    partitions: int = 12
    retention: timedelta = timedelta(days=7)
    dead_letter: str = DEAD_LETTER


TICKETS = Topic(
    "aivis.tickets",
    "Tickets and what happens to them upstream, normalised.",
    producers=("gateway",),
    consumers=("reasoner",),
    events=(
        tickets.TicketOpened,
        tickets.TicketMessageAdded,
        tickets.TicketEdited,
        tickets.TicketClosed,
        tickets.TicketReopened,
        tickets.TicketMerged,
        tickets.TicketWithdrawn,
    ),
)
PLAN_REQUESTS = Topic(
    "aivis.plan-requests",
    "The reasoner asks for a plan.",
    producers=("reasoner",),
    consumers=("planner",),
    events=(plans.PlanRequested,),
)
PLANS = Topic(
    "aivis.plans",
    "Plans, as asked for.",
    producers=("planner",),
    consumers=("reasoner",),
    events=(plans.PlanMade,),
)
ACTIONS = Topic(
    "aivis.actions",
    "Tool calls that the reasoner decided on.",
    producers=("reasoner",),
    consumers=("executor",),
    events=(actions.ActionRequested,),
)
RESULTS = Topic(
    "aivis.results",
    "What came of actions, and which need an expert's word.",
    producers=("executor",),
    consumers=("reasoner", "escalation"),
    events=(
        actions.ActionFinished,
        actions.ActionFailed,
        actions.ActionUnsettled,
        actions.ApprovalRequested,
    ),
)
APPROVALS = Topic(
    "aivis.approvals",
    "Experts' words on actions.",
    producers=("escalation",),
    consumers=("executor",),
    events=(actions.ApprovalGranted, actions.ApprovalDenied, actions.Settlement),
)
ESCALATIONS = Topic(
    "aivis.escalations",
    "Cases for people; also what a service gave up on, so that a person knows.",
    producers=("reasoner", "gateway", "planner", "executor"),
    consumers=("escalation",),
    events=(escalations.CaseEscalated, escalations.CaseOverdue),
)
GUIDANCE = Topic(
    "aivis.guidance",
    "What experts tell the agent, and who owns the case.",
    producers=("escalation",),
    consumers=("reasoner",),
    events=(
        escalations.GuidanceGiven,
        escalations.AnswerGiven,
        escalations.CaseTaken,
        escalations.CaseHandedBack,
    ),
)
REPLIES = Topic(
    "aivis.replies",
    "The public outcome contract, for upstream systems.",
    producers=("reasoner",),
    consumers=("gateway",),
    events=(
        replies.ReplySent,
        replies.NotePosted,
        replies.StatusChanged,
        replies.OwnerChanged,
        replies.OutcomeReached,
    ),
    retention=timedelta(days=30),
)
CASE_EVENTS = Topic(
    "aivis.case-events",
    "The complete log of every case, numbered by ce_sequence: inputs and decisions.",
    producers=("reasoner",),
    consumers=("gateway", "escalation"),
    events=(
        *TICKETS.events,
        *PLAN_REQUESTS.events,
        *PLANS.events,
        *RESULTS.events,
        *ESCALATIONS.events,
        *GUIDANCE.events,
        *REPLIES.events,
        cases.DecisionMade,
        cases.SubtaskEnded,
        cases.ModelResponded,
        cases.LimitReached,
    ),
    retention=timedelta(days=30),
)
FEEDBACK = Topic(
    "aivis.feedback",
    "What experts did, to learn from.",
    producers=("escalation",),
    consumers=(),
    events=(escalations.FeedbackGiven,),
    retention=timedelta(days=90),
)
KNOWLEDGE = Topic(
    "aivis.knowledge",
    "Documents to index.",
    producers=("retriever", "escalation"),
    consumers=("retriever",),
    events=(knowledge.DocumentPublished, knowledge.DocumentWithdrawn),
)

TOPICS: tuple[Topic, ...] = (
    TICKETS,
    PLAN_REQUESTS,
    PLANS,
    ACTIONS,
    RESULTS,
    APPROVALS,
    ESCALATIONS,
    GUIDANCE,
    REPLIES,
    CASE_EVENTS,
    FEEDBACK,
    KNOWLEDGE,
)


def intake(source: str) -> Topic:
    """The topic on which the upstream system `source` publishes."""
    return Topic(
        INTAKE_PREFIX + source,
        f"Tickets as {source} publishes them.",
        producers=(source,),
        consumers=("gateway",),
        events=(tickets.TicketSubmitted, tickets.MessageSubmitted, tickets.StateSubmitted),
    )


def marker(service: str) -> Topic:
    """An empty topic: while it is there, the broker still has what `service` published before."""
    says = f"Nothing. When it is gone, so is what {service} published, which then publishes it again."
    return Topic(f"{MARKER_PREFIX}{service}", says, (service,), (), (), partitions=1)


def consumed_by(service: str) -> tuple[Topic, ...]:
    """The topics that `service` reads, in the table's order."""
    return tuple(topic for topic in TOPICS if service in topic.consumers)
