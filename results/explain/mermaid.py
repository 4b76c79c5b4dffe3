"""An explanation as a Mermaid sequence diagram (mermaid.js.org/syntax/sequenceDiagram.html)."""

from collections.abc import Iterator

from leasebench.results.display.phrases import instant
from leasebench.results.explain import Explanation
from leasebench.results.explain.narration import Look

ARROWS = {Look.CALL: "->>", Look.REPLY: "-->>", Look.HARM: "-x"}


def as_mermaid(explanation: Explanation) -> str:
    """The diagram's source; participants are numbered, so that no name is taken for syntax."""
    return "\n".join(_lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    number = {lane: f"p{place}" for place, lane in enumerate(explanation.lanes)}
    yield "sequenceDiagram"
    for lane in explanation.lanes:
        yield f"    participant {number[lane]} as {escaped(lane)}"
    for message in explanation.messages:
        source, target = number.get(message.source), number.get(message.target)
        if source is None or target is None:
            continue
        label = escaped(f"{instant(message.at_s, 4)} {message.label}")
        if source == target:
            yield f"    Note over {source}: {label}"
        else:
            yield f"    {source}{ARROWS.get(message.look, '->>')}{target}: {label}"


def escaped(text: str) -> str:
    """Text in which nothing is syntax: whatever is no letter, digit or blank stands as Mermaid's entity code."""
    return "".join(char if char.isalnum() or char in " .,()_=-" else f"#{ord(char)};" for char in text)
