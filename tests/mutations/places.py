"""Where the statement, arm or field behind a comment stands in Rust that rustfmt has formatted, and its parts."""

import re

# Comments and literals: what stands in them is no code.
LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(?P<hashes>#*)".*?"(?P=hashes)|\bb?"(?:\\.|[^"\\])*"|"(?:\\.|[^"\\])*"|'(?:\\[^']+|\\'|[^'\\])'""",
    re.DOTALL,
)
# Comments, attributes and space between a clause comment and what it is about.
BETWEEN = re.compile(r"(?:\s*//[^\n]*\n|\s*#\[[^\n]*\]\n)*\s*")
# What goes on with a statement behind a closing brace.
GOES_ON = re.compile(r"\s*(?:else\b|=|&&|\|\||[.?;,)\]|])|[ ]if\b")

# What the parts of a statement or arm stand behind.
MARKS = {
    "arrow": re.compile(r" => "),
    "equals": re.compile(r" [-+*/|&^]?=\s"),
    "guard": re.compile(r"\sif "),
    "in": re.compile(r" in "),
}


def comments(text, words):
    """Where comments begin that begin with these words."""
    return [match.start() for match in re.finditer(rf"(?m)^ *// {re.escape(words)}", text)]


def behind(text, comment):
    """Where the code behind the comment that begins here begins."""
    return BETWEEN.match(text, comment).end()


def end(text, start):
    """Where the statement, arm, field or last expression that begins here ends."""
    for at, char, depth in code(text, start):
        if depth < 0:
            return start + len(text[start:at].rstrip())
        if depth == 0 and (char in ";," or char == "}" and not GOES_ON.match(text, at + 1)):
            return at + 1
    return len(text)


def part(text, start, end, name):
    """The part of this name, or nothing."""
    if name == "statement":
        return start, end
    if name == "before":
        return start, start
    first = {}
    for at, char, depth in code(text, start):
        if at >= end or depth < 0:
            break
        if depth == 1 and char == "{":
            first.setdefault("brace", at)
        for mark, pattern in MARKS.items():
            found = pattern.match(text, at) if depth == 0 else None
            if found:
                first.setdefault(mark, found.end())
    brace, arrow = first.get("brace", end), first.get("arrow", end)
    if name == "condition":
        word = re.compile(r"(?:if|while) (?!let )").match(text, start)
        if word:
            return trimmed(text, word.end(), brace)
        return trimmed(text, first["guard"], arrow - len("=> ")) if first.get("guard", end) < arrow else None
    word = re.compile(r"return |\w+: ").match(text, start)
    last = end - 1 if text[end - 1] in ";," else end
    if re.compile(r"(?:if|while) let |for ").match(text, start):
        return trimmed(text, min(first.get("equals", end), first.get("in", end)), brace)
    if arrow < end:
        return trimmed(text, arrow, last)
    return trimmed(text, first.get("equals", word.end() if word else start), last)


def trimmed(text, start, end):
    old = text[start:end]
    return start + len(old) - len(old.lstrip()), end - len(old) + len(old.rstrip())


def code(text, at):
    """Each character of the code with its place, and how many brackets are open behind it; a literal counts as one."""
    depth = angles = 0
    while at < len(text):
        literal = LITERAL.match(text, at)
        if literal:
            if text[at] != "/":
                yield at, '"', depth
            at = literal.end()
            continue
        char = text[at]
        # Signs that compare have a space in front of them, brackets around types have none.
        opens_type = char == "<" and not text[at - 1].isspace()
        closes_type = char == ">" and angles > 0 and text[at - 1] not in "-= "
        angles += opens_type - closes_type
        depth += (char in "([{" or opens_type) - (char in ")]}" or closes_type)
        yield at, char, depth
        at += 1
