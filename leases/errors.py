"""What a client raises where a server does not answer, whichever server and library it is."""


class ServerDown(ConnectionError):
    """The server can't be reached; nothing was sent."""


class ReplyUnknown(ConnectionError):
    """The request was sent and its reply never came: it may have happened or not."""


class ServerError(RuntimeError):
    """The server answered with an error that we do not expect."""
