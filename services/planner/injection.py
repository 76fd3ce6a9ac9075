"""Instructions to the agent hidden in a ticket: text that speaks to a machine, where a customer speaks to a desk.

A signal beside the policy that guards every effect, not instead of it: what it finds makes the planner careful.
"""

import re

_SIGNS: dict[str, tuple[str, ...]] = {
    "asks to disregard instructions": (
        (
            r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}"
            r"\b(?:instruction|prompt|rule|guideline|polic|direction|guardrail)"
        ),
        (
            r"\b(?:ignore|disregard|forget)\s+(?:all|everything|anything)\s+(?:\w+\s+){0,3}"
            r"(?:above|before|previous|prior|told|said)"
        ),
        r"(?:忽略|无视|忘记|忘掉)[^。\n]{0,12}(?:指令|指示|规则|提示|要求|说明)",
    ),
    "gives the agent a role": (
        r"\byou are (?:now|no longer|an? (?:ai|assistant|agent|bot|unrestricted|root|admin))\b",
        r"\bact as (?:an? |the )?(?:admin|root|system|developer|unrestricted|dan\b)",
        r"\bas an? (?:ai|language model|llm|autonomous agent|assistant)\b",
        r"\b(?:developer|god|jailbreak|debug) mode\b",
        r"\bpretend (?:to be|that you)",
        r"你现在是|你是一个|假装你是|扮演|进入开发者模式",
    ),
    "poses as the system": (
        (
            r"(?:^|[\n>\].\"'(])\s*(?:system|assistant|developer)"
            r"(?: (?:prompt|message|note|override|instruction|notice|update|command)s?)?\s*[:>]"
        ),
        r"\[(?:system|assistant|developer)\b[^\]\n]{0,40}\]|(?-i:\bSYSTEM\b[^.!?\n]{0,20}:)",
        r"<\|?/?(?:im_start|im_end|system|assistant|endoftext|inst)\b|\[/?INST\]|<<SYS>>",
        r"###\s*(?:system|instruction|new task)|\bsystem prompt\b",
        (
            r"\b(?:new|updated|real|actual|hidden) (?:instructions?|task|objective)s?\s*"
            r"(?::|for (?:the )?(?:agent|assistant|ai|bot))"
        ),
        r"系统提示|系统消息|系统指令|新的指令",
    ),
    "speaks to the agent's machinery": (
        (
            r"\b(?:attention|note|message|instruction|dear|hey|to) (?:to |for )?(?:the |all )?"
            r"(?:ai|agent|assistant|bot|llm|automation)s?(?: agent| assistant)?\s*[:,!-]"
        ),
        r"\b(?:call|invoke|execute|run|use) (?:the )?(?:tool|function|api call)s?\b",
        r"\b[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\(|\"(?:tool|function|arguments|tool_calls)\"\s*:",
        r"<!--|\btool_call\b|(?:调用|执行)(?:工具|函数)",
    ),
    "claims approval or forbids asking": (
        r"\bpre-?approved\b|\balready (?:been )?(?:approved|authori[sz]ed)\b",
        r"\bapproval (?:is )?(?:not (?:needed|required)|granted)\b",
        r"\bno approval\b|\bskip (?:the )?(?:approval|confirmation|verification|check)s?\b",
        r"\bwithout (?:any )?(?:approval|confirmation|asking|authori[sz]ation|verification)\b",
        r"\b(?:do not|don't) (?:ask|tell|inform|notify|escalate|mention)\b",
        r"\b(?:admin|root|security|emergency) override\b",
        r"(?:无需|不用|不需要|跳过)(?:审批|批准|确认|授权)|已(?:经)?(?:获得)?(?:批准|授权)|不要(?:告诉|通知|询问)",
    ),
}
_COMPILED = {says: re.compile("|".join(patterns), re.IGNORECASE | re.ASCII) for says, patterns in _SIGNS.items()}


def signs(text: str) -> list[str]:
    """What in `text` (normalised) speaks to the agent as a machine, in words; empty for a plain ticket."""
    return [says for says, pattern in _COMPILED.items() if pattern.search(text)]
