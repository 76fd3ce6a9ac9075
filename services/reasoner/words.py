"""What the agent says to customers, in their language; a language without words of its own is answered in English."""

from collections.abc import Sequence

from services.reasoner.case import Trajectory

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "handed-over": "Thank you. I have handed this to a colleague, who will get back to you here.",
        "done-so-far": "This much is done already:",
        "approval": "The change needs a colleague's approval, which I have asked for: {tool}.",
        "missing": "To go on I need to know: {missing}.",
        "anything-else": "If it still does not work for you, just answer this message.",
        "withdrawn": "The ticket was withdrawn; nothing more is done.",
        "reminder": "I still need your answer to go on:",
        "unanswered": "I have not heard from you, so I close this ticket for now. Answer this message and I go on.",
        "changed": "The problem is gone, as a fresh look shows. This was changed: {changes}.",
    },
    "zh": {
        "handed-over": "您好,此问题已转交人工专家处理,他们会在这里回复您。",
        "done-so-far": "目前已完成:",
        "approval": "该变更需要专家批准,已提交申请:{tool}。",
        "missing": "为了继续处理,请告诉我:{missing}。",
        "anything-else": "如果仍有问题,请直接回复本消息。",
        "withdrawn": "工单已撤回,不再继续处理。",
        "reminder": "我仍在等待您的回复,以便继续处理:",
        "unanswered": "由于一直未收到您的回复,此工单暂时关闭。您直接回复本消息,我会继续处理。",
        "changed": "最新检查显示问题已消失。已做的变更:{changes}。",
    },
}


def say(what: str, language: str, **values: str) -> str:
    """The phrase `what` in `language`."""
    words = _WORDS.get(language.partition("-")[0], _WORDS["en"])
    return words[what].format(**values)


def question(questions: Sequence[str], language: str) -> str:
    """One message that asks for all that is missing."""
    return "\n".join(questions) if questions else say("missing", language, missing="?")


def reminder(asked: str, language: str) -> str:
    """What was asked, asked once more."""
    return f"{say('reminder', language)}\n{asked}" if asked else say("reminder", language)


def answer(trajectories: Sequence[Trajectory], language: str) -> str:
    """The final answer: each subtask's finding, numbered where there are several."""
    findings = [t.ended.finding for t in trajectories if t.ended is not None and t.ended.solved]
    text = findings[0] if len(findings) == 1 else "\n".join(f"{n}. {text}" for n, text in enumerate(findings, 1))
    return f"{text}\n\n{say('anything-else', language)}"


def hand_over(trajectories: Sequence[Trajectory], language: str) -> str:
    """What the customer hears when a person goes on: what is done already, and that somebody comes."""
    done = [t.ended.finding for t in trajectories if t.ended is not None and t.ended.solved]
    if not done:
        return say("handed-over", language)
    return "\n".join([say("done-so-far", language), *done, "", say("handed-over", language)])
