"""Cases that speak the debug adapter protocol, as JupyterLab's debugger does."""

from collections.abc import Callable, Mapping
from typing import Any

from differential.steps import Case, Cell, During, Message, Request, Step, Transcript, Until

Arguments = Mapping[str, Any] | Callable[[Transcript], Mapping[str, Any]]

FUNCTION = "def f(a):\n    b = a + 1\n    c = len(str(b))\n    return b * c\n"
BODY = "x = 1\ny = abs(x - 5)\nz = max(y,\n        x)\nprint(z)\n"
CALLS = FUNCTION + "total = 0\nfor i in range(2):\n    total += f(i)\ntotal"


def event(name: str) -> Callable[[Message], bool]:
    """A debug_event of that name."""
    return lambda message: message.msg_type == "debug_event" and message.content["event"] == name


def debug(command: str, arguments: Arguments = {}) -> Request:  # noqa: B006
    """A debug_request; the arguments may depend on what was received."""

    def content(transcript: Transcript) -> Mapping[str, Any]:
        given = arguments(transcript) if callable(arguments) else arguments
        return {
            "type": "request",
            "seq": len(transcript) + 1,
            "command": command,
            "arguments": dict(given),
        }

    return Request("debug_request", content, channel="control")


def body(transcript: Transcript, command: str) -> Mapping[str, Any]:
    """What the last debug_reply to that command says."""
    replies = [
        message.content["body"]
        for message in transcript
        if message.msg_type == "debug_reply" and message.content["command"] == command
    ]
    found: Mapping[str, Any] = replies[-1]
    return found


def thread(transcript: Transcript) -> Mapping[str, Any]:
    """The thread that stopped last."""
    stops = [message for message in transcript if event("stopped")(message)]
    return {"threadId": stops[-1].content["body"]["threadId"]}


def top_frame(transcript: Transcript) -> Mapping[str, Any]:
    """The innermost frame of the last stack trace."""
    return {"frameId": body(transcript, "stackTrace")["stackFrames"][0]["id"]}


def locals_of_top_frame(transcript: Transcript) -> Mapping[str, Any]:
    """The first scope of the last scopes reply."""
    scope = body(transcript, "scopes")["scopes"][0]
    return {"variablesReference": scope["variablesReference"]}


def breakpoints(code: str, *lines: int) -> tuple[Step, ...]:
    """Gives the debugger a cell's source and sets breakpoints in it."""

    def arguments(transcript: Transcript) -> Mapping[str, Any]:
        return {
            "source": {"path": body(transcript, "dumpCell")["sourcePath"]},
            "breakpoints": [{"line": line} for line in lines],
            "sourceModified": False,
        }

    return debug("dumpCell", {"code": code}), debug("setBreakpoints", arguments)


def evaluate(expression: str) -> Request:
    """Evaluates in the innermost frame of the last stack trace."""
    return debug(
        "evaluate", lambda seen: {"expression": expression, "context": "repl", **top_frame(seen)}
    )


INITIALIZE = (
    debug("debugInfo"),
    debug(
        "initialize",
        {
            "clientID": "test",
            "clientName": "test",
            "adapterID": "",
            "pathFormat": "path",
            "linesStartAt1": True,
            "columnsStartAt1": True,
            "supportsVariableType": True,
            "supportsVariablePaging": True,
            "supportsRunInTerminalRequest": False,
            "locale": "en",
        },
    ),
    debug("attach"),
)
CONFIGURED = debug("configurationDone")
STOPPED = Until(event("stopped"))
STACK = debug("stackTrace", thread)
SCOPES = debug("scopes", top_frame)
VARIABLES = debug("variables", locals_of_top_frame)
NEXT = debug("next", thread)
STEP_IN = debug("stepIn", thread)
STEP_OUT = debug("stepOut", thread)
CONTINUE = debug("continue", thread)
DISCONNECT = debug("disconnect", {"restart": False, "terminateDebuggee": False})


def session(name: str, *steps: Step) -> Case:
    """A case that starts the debugger, takes the steps and stops it, in kernels of its own."""
    return Case(
        name,
        (*INITIALIZE, *steps, debug("debugInfo"), DISCONNECT, "print('undisturbed')"),
        needs=("debugpy",),
        concurrent=True,
        fresh=True,
        debugging=True,
        timeout=60.0,
    )


def stopping(code: str, *steps: Step) -> During:
    """Runs the cell, waits until it stops, and takes the steps."""
    return During(Cell(code), event("stopped"), steps)


CASES = (
    session("debug_without_breakpoints", CONFIGURED, CALLS, debug("inspectVariables")),
    session(
        "debug_breakpoint_in_cell_body",
        *breakpoints(BODY, 2, 5),
        CONFIGURED,
        stopping(
            BODY,
            STACK,
            evaluate("x + 1"),
            NEXT,
            STOPPED,
            STACK,
            evaluate("y"),
            CONTINUE,
            STOPPED,
            STACK,
            evaluate("z"),
            CONTINUE,
        ),
    ),
    session(
        "debug_breakpoint_in_function",
        *breakpoints(CALLS, 3),
        CONFIGURED,
        stopping(
            CALLS,
            STACK,
            SCOPES,
            VARIABLES,
            evaluate("(a, b)"),
            NEXT,
            STOPPED,
            STACK,
            evaluate("c"),
            CONTINUE,
            STOPPED,
            STACK,
            CONTINUE,
        ),
    ),
    session(
        "debug_step_in_and_out",
        *breakpoints(CALLS, 7),
        CONFIGURED,
        stopping(
            CALLS,
            STACK,
            STEP_IN,
            STOPPED,
            STACK,
            evaluate("a"),
            STEP_OUT,
            STOPPED,
            STACK,
            CONTINUE,
            STOPPED,
            STACK,
            CONTINUE,
        ),
    ),
    session(
        "debug_function_of_earlier_cell",
        *breakpoints(FUNCTION, 2),
        CONFIGURED,
        FUNCTION,
        stopping("abs(f(len('ab')))", STACK, evaluate("a"), NEXT, STOPPED, STACK, CONTINUE),
    ),
    session(
        "debug_error_and_variables",
        CONFIGURED,
        "values = [1, 2]\ntext = 'a'",
        "def g(n): return 1 / n\ng(0)",
        debug("inspectVariables"),
        debug("richInspectVariables", {"variableName": "values"}),
    ),
)
