"""The line protocol, version 1: a lock in any language as a program that reads requests and writes replies.

One JSON object a line, in UTF-8, over the program's standard input and output; standard error is for people, and its
last lines are told where something fails. leasebench starts one program for each owner, sends one request at a time
and waits for the reply that has its `id`. The first is `hello`. A program that reads the end of its input ends.

Requests are written without blanks, with their keys in the order given here, and without escapes in `op`, `key` and
the numbers, so that a program without a JSON parser can take them apart. A key that leasebench does not know is a
mistake: it may be a slip. Instants are nanoseconds of CLOCK_MONOTONIC.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

PROTOCOL: Final = 1
MAX_LINE_BYTES = 65_536
MOST_FENCE = (1 << 53) - 1
"""The store's scripts compare larger numbers wrongly."""


class ProtocolLine(BaseModel):
    """One line. What is not said here is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class HelloRequest(ProtocolLine):
    """The first request: which protocol is spoken, and where the locks are.

    `url` is the lock's server, and what follows is the same in parts: either `socket`, the path of a unix socket, or
    `host` and `port`. All are null where leasebench only asks what the lock can; it then closes the input at once.
    A program that can't reach its server replies with an `error`.
    """

    id: int
    op: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    url: str | None = None
    socket: str | None = None
    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = None
    db: int | None = None
    timeout_ms: int = Field(default=1000, description="how long one request of the lock to its server may take")


class AcquireRequest(ProtocolLine):
    """Take the lock `key` for `ttl_ms`; wait for it up to `wait_ms`."""

    id: int
    op: Literal["acquire"] = "acquire"
    key: str
    ttl_ms: int
    wait_ms: int


class RenewRequest(ProtocolLine):
    """Give the lock its full time to live again. Sent only if `hello` said `renews`."""

    id: int
    op: Literal["renew"] = "renew"
    key: str
    token: str
    ttl_ms: int


class ValidateRequest(ProtocolLine):
    """Look whether the lock is still its owner's. Sent only if `hello` said `validates`."""

    id: int
    op: Literal["validate"] = "validate"
    key: str
    token: str


class ReleaseRequest(ProtocolLine):
    """Give the lock back."""

    id: int
    op: Literal["release"] = "release"
    key: str
    token: str


LockRequest = AcquireRequest | RenewRequest | ValidateRequest | ReleaseRequest


class Hello(ProtocolLine):
    """The answer to `hello`: who the lock is, and what it can."""

    id: int
    protocol: int
    library: str = Field(min_length=1, max_length=100)
    version: str = Field(max_length=100)
    renews: bool = False
    validates: bool = False
    fencing: bool = Field(default=False, description="whether every grant carries a fencing number")
    tells_loss: bool = Field(default=False, description="whether it renews itself, and sends `lost` when that failed")
    ttl_step_ms: int = Field(default=1, ge=1, description="1000 for a lock that knows whole seconds only")
    start_ns: int | None = None
    end_ns: int | None = None


class LockReply(ProtocolLine):
    """The answer to any other request.

    `ok` is true for done. It is false for an acquire whose wait is over, and for a renewal, a validation or a release
    that says that the lock was lost. It is null where the server never answered, so that nobody knows whether it was
    done; `error` may then say more. An `error` without `ok` is anything else that went wrong, and fails the trial.
    """

    id: int
    ok: bool | None = None
    token: str | None = Field(default=None, min_length=1, max_length=1000, description="of a grant: its owner's proof")
    fence: int | None = Field(default=None, ge=0, le=MOST_FENCE, description="of a grant: its fencing number")
    error: str | None = None
    start_ns: int | None = Field(default=None, description="when the lock's own call began, by CLOCK_MONOTONIC")
    end_ns: int | None = Field(default=None, description="when it ended; the rest of the round trip is the line's")


class LostNotice(ProtocolLine):
    """Nobody asked: the lock tells its owner that it lost a lock that it was granted. `hello` says `tells_loss`.

    It may come at any time, also before a reply. An owner that is told does not write.
    """

    op: Literal["lost"]
    key: str
    token: str
    at_ns: int | None = Field(default=None, description="when the lock told, by CLOCK_MONOTONIC")


def _kind_of(line: Any) -> str:
    return "lost" if isinstance(line, dict) and "op" in line else "reply"


ANSWER: TypeAdapter[LockReply | LostNotice] = TypeAdapter(
    Annotated[
        Annotated[LockReply, Tag("reply")] | Annotated[LostNotice, Tag("lost")],
        Discriminator(_kind_of),
    ]
)
"""What may come once the program has said hello."""
REQUESTS = (HelloRequest, AcquireRequest, RenewRequest, ValidateRequest, ReleaseRequest)
ANSWERS = (Hello, LockReply, LostNotice)


def protocol_schema() -> dict[str, Any]:
    """The JSON Schema of every line, by what it is: those that a program reads, and those that it writes."""
    _, schema = _models_schema()
    return schema


def _models_schema() -> tuple[Any, dict[str, Any]]:
    from pydantic.json_schema import models_json_schema

    return models_json_schema([(model, "validation") for model in (*REQUESTS, *ANSWERS)], title="line protocol 1")
