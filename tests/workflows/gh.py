"""A stand-in for `gh`: keeps drafts, issues and artifacts in a JSON file, and refuses an option that it does not know.

The file is named by GH_STATE. `--jq` is evaluated by jq, as gh evaluates it. Run as a program, on the path as `gh`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# The options of each command that take a value, and those that take none.
COMMANDS = {
    ("pr", "list"): ({"--head", "--state", "--json", "--jq"}, set()),
    ("pr", "create"): ({"--base", "--head", "--title", "--body-file"}, {"--draft"}),
    ("pr", "edit"): ({"--title", "--body-file"}, set()),
    ("pr", "view"): ({"--json", "--jq"}, set()),
    ("pr", "comment"): ({"--body-file"}, set()),
    ("pr", "close"): ({"--comment"}, set()),
    ("pr", "ready"): (set(), {"--undo"}),
    ("issue", "list"): ({"--state", "--limit", "--search", "--json", "--jq"}, set()),
    ("issue", "create"): ({"--title", "--body-file"}, set()),
    ("workflow", "run"): ({"--ref"}, set()),
    ("api",): ({"--method", "--jq", "-f"}, {"--silent"}),
}


def parsed(arguments: list[str]) -> tuple[tuple[str, ...], list[str], dict[str, str], dict[str, str]]:
    """The command, its plain arguments, its options, and its fields."""
    command = next(known for known in COMMANDS if tuple(arguments[: len(known)]) == known)
    valued, plain = COMMANDS[command]
    rest, given, options, fields = arguments[len(command) :], [], {}, {}
    while rest:
        argument = rest.pop(0)
        if argument == "-f" and argument in valued:
            name, _, value = rest.pop(0).partition("=")
            fields[name] = value
        elif argument in valued:
            options[argument] = rest.pop(0)
        elif argument in plain:
            options[argument] = ""
        elif argument.startswith("-"):
            sys.exit(f"unknown flag: {argument}")
        else:
            given.append(argument)
    if "--body-file" in options:
        options["body"] = Path(options["--body-file"]).read_text(encoding="utf-8")
    return command, given, options, fields


def answered(state: dict[str, Any], arguments: list[str]) -> Any:
    """Do what the command says; return what it prints as JSON, or None."""
    command, given, options, fields = parsed(arguments)
    if command == ("api",) and options.get("--method") == "POST":
        state["statuses"].append({"commit": given[0].rpartition("/")[2], **fields})
    elif command == ("api",):
        return {"artifacts": state["artifacts"]}
    elif command == ("workflow", "run"):
        state["runs"].append([*given, options["--ref"]])
    elif command == ("issue", "create"):
        state["issues"].append({"title": options["--title"], "body": options["body"], "state": "OPEN", "closedAt": ""})
    elif command == ("issue", "list"):
        return state["issues"]
    elif command == ("pr", "create"):
        state["drafts"].append(
            {
                "number": len(state["drafts"]) + 1,
                "head": options["--head"],
                "base": options["--base"],
                "title": options["--title"],
                "body": options["body"],
                "isDraft": "--draft" in options,
                "isCrossRepository": False,
                "state": "open",
                "comments": [],
            }
        )
    elif command == ("pr", "list"):
        return [
            one for one in state["drafts"] if (one["head"], one["state"]) == (options["--head"], options["--state"])
        ]
    else:
        draft = state["drafts"][int(given[0]) - 1]
        if command == ("pr", "view"):
            return draft
        if command == ("pr", "edit"):
            draft.update(title=options["--title"], body=options["body"])
        elif command == ("pr", "ready"):
            draft["isDraft"] = "--undo" in options
        elif command == ("pr", "comment"):
            draft["comments"].append({"body": options["body"]})
        elif command == ("pr", "close"):
            draft.update(state="closed", comments=[*draft["comments"], {"body": options["--comment"]}])
    return None


def main(arguments: list[str]) -> None:
    """Run one command on the state."""
    file = Path(os.environ["GH_STATE"])
    state = json.loads(file.read_text(encoding="utf-8"))
    printed = answered(state, arguments)
    file.write_text(json.dumps(state), encoding="utf-8")
    if printed is not None:
        expression = arguments[arguments.index("--jq") + 1]
        subprocess.run(["jq", "-r", expression], input=json.dumps(printed), text=True, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
