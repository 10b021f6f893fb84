"""Stock ipykernel with one small fault, named on the command line: the comparison must see it."""

import os
import sys
import time
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell

ALTERATION = sys.argv.pop(1)


class AlteredShell(ZMQInteractiveShell):
    """A shell that runs code one frame deeper, or holds on to what it ran."""

    kept: list[Any] = []  # noqa: RUF012

    async def run_code(self, code_obj: Any, *args: Any, **kwargs: Any) -> Any:
        result = await super().run_code(code_obj, *args, **kwargs)
        if ALTERATION == "reference":
            self.kept.extend(self.user_ns.values())
        return result


class AlteredKernel(IPythonKernel):
    """A kernel that is wrong in one respect."""

    shell_class = AlteredShell if ALTERATION in {"frame", "reference"} else ZMQInteractiveShell

    async def do_execute(self, code: str, silent: bool, *args: Any, **kwargs: Any) -> Any:
        if not silent:
            match ALTERATION:
                case "space":
                    code = code.replace('print("', 'print(" ')
                case "hang":
                    time.sleep(3600)
                case "die":
                    os._exit(3)
                case "name":
                    self.shell.user_ns["injected"] = 1
                case "status":
                    self.send_response(self.iopub_socket, "status", {"execution_state": "busy"})
                case "stderr":
                    print("noise", file=sys.stderr)
        reply = await super().do_execute(code, silent, *args, **kwargs)
        match ALTERATION:
            case "payload" if not silent:
                reply["payload"] = [*reply["payload"], {"source": "page"}]
            case "traceback" if reply["status"] == "error":
                reply["traceback"] = reply["traceback"][:-1]
        return reply

    def finish_metadata(self, parent: Any, metadata: Any, reply_content: Any) -> Any:
        metadata = super().finish_metadata(parent, metadata, reply_content)
        if ALTERATION == "metadata":
            metadata["provenance"] = True
        return metadata


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=AlteredKernel)
